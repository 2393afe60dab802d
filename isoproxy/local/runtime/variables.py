"""References to environment variables, `$(NAME)`, as Kubernetes expands them. Pure."""

import re
from collections.abc import Mapping

MOST_CHARACTERS = 128 * 1024 - 1
"""Linux gives no longer word to a program. Variables that are made of variables grow fast."""
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


class TooLong(ValueError):
    """A text became longer than any program can be given."""


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` becomes the variable's value, or stays as it is if there is none; `$$` becomes `$`. Raises TooLong."""
    size = len(text)

    def value(found: re.Match[str]) -> str:
        nonlocal size
        name = found[1]
        put = "$" if name is None else variables.get(name, found[0])
        size += len(put) - len(found[0])
        _check(size)
        return put

    _check(size)
    return _REFERENCE.sub(value, text)


def _check(size: int) -> None:
    if size > MOST_CHARACTERS:
        raise TooLong(f"longer than {MOST_CHARACTERS} characters")
