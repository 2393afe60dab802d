"""What a deliberate bug is, and how it is put in: a patch of the product, in this process only."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from isoproxy.operator.apply import Applier
from isoproxy.proxy import connection
from isoproxy.proxy.connection import Connection
from isoproxy.proxy.session import Action


@dataclass(frozen=True, slots=True)
class Mutation:
    """``breaks`` are the promises of which a run must find one broken; ``apply`` puts the bug in while the stack lasts.

    ``scenario`` is the one that shows it; without one it takes seeds.
    """

    name: str
    breaks: tuple[str, ...]
    apply: Callable[[ExitStack], None]
    scenario: str = ""


@contextmanager
def put_in(mutation: Mutation) -> Iterator[None]:
    """Have the bug in the product meanwhile."""
    with ExitStack() as stack:
        mutation.apply(stack)
        yield


def swap(stack: ExitStack, owner: object, name: str, value: object) -> None:
    """Have ``value`` in the place of an attribute of the product's."""
    stack.enter_context(patch.object(owner, name, value))


def redispatch(stack: ExitStack, action: type, function: Callable[..., Any]) -> None:
    """Have the operator carry out actions of one kind by ``function``."""
    dispatcher = Applier.__dict__["_do"].dispatcher
    before = dispatcher.dispatch(action)
    dispatcher.register(action, function)
    stack.callback(dispatcher.register, action, before)


def perform(stack: ExitStack, action: type[Action], function: Callable[[Connection, Any], None]) -> None:
    """Have connections carry out actions of one kind by ``function``."""
    stack.enter_context(patch.dict(connection._PERFORM, {action: function}))


def performed(action: type[Action]) -> Callable[[Connection, Any], None]:
    """How connections carry out actions of one kind."""
    return connection._PERFORM[action]
