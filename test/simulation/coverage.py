"""What of the planner's and the session's decisions was seen: which actions, reasons and standings, and which steps."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum
from typing import Any
from unittest.mock import patch

from isoproxy.operator import passes, planner
from isoproxy.operator.actions import EndReason
from isoproxy.operator.planner import Plan
from isoproxy.operator.standing import Standing
from isoproxy.proxy.session import Session

ACTIONS = ("ApplyChild", "Assign", "DeleteOrphan", "End", "MakePod", "Recall", "RecordLost")
"""Of plans; housekeeping's are not among them."""
_EVENTS = (
    "given",
    "turned_away",
    "received",
    "client_eof",
    "client_lost",
    "connected",
    "dial_failed",
    "pod_withdrawn",
    "relay_ended",
    "woken",
    "cut",
)


def expected() -> frozenset[str]:
    """Everything that thousands of runs should have seen."""
    ends = {f"End {reason.value}" for reason in EndReason} - {"End service gone"}  # housekeeping's
    return frozenset(ACTIONS) - {"End"} | ends | {f"standing {one.value}" for one in Standing}


@contextmanager
def observed() -> Iterator[Counter[str]]:
    """Count, meanwhile, what planner and sessions decide."""
    counts: Counter[str] = Counter()
    with ExitStack() as stack:

        def watched(*args: Any) -> Plan:
            made = planner.plan(*args)
            for action in made.actions:
                reason = getattr(action, "reason", None)
                counts[type(action).__name__ + (f" {reason.value}" if isinstance(reason, Enum) else "")] += 1
            counts.update(f"standing {entry.standing.value}" for entry in made.entries)
            return made

        stack.enter_context(patch.object(passes, "plan", watched))
        for event in _EVENTS:
            stack.enter_context(patch.object(Session, event, _counted(getattr(Session, event), event, counts)))
        yield counts


def _counted(method: Callable[..., Any], event: str, counts: Counter[str]) -> Callable[..., Any]:
    def counted(self: Session, *args: Any, **kwargs: Any) -> Any:
        before = type(self.state).__name__
        result = method(self, *args, **kwargs)
        counts[f"{before} -{event}-> {type(self.state).__name__}"] += 1
        return result

    return counted
