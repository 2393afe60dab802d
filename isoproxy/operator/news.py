"""Which Events there are to be: what is wrong since the last pass, that it is over, and whom a limit ended. Pure."""

from collections.abc import Sequence

from isoproxy.model.event import EventType, News
from isoproxy.model.pod import Condition
from isoproxy.observe.outcomes import Outcome
from isoproxy.operator.troubles import Trouble

ACTION = "Reconcile"
RECOVERED = News(EventType.NORMAL, "Recovered", ACTION, "nothing is wrong any more")
_LIMITS = {
    Outcome.IDLE_TIMEOUT.value: "session.idleTimeoutSeconds",
    Outcome.MAX_DURATION.value: "session.maxDurationSeconds",
}

Told = frozenset[tuple[str, str]]
"""Reasons and causes of what is wrong and has been told."""


def news(
    troubles: Sequence[Trouble], told: Told | None, conditions: Sequence[Condition]
) -> tuple[tuple[News, ...], Told]:
    """Return what to tell, and what has been told then.

    ``told`` is what the last pass came to. In a first pass it is None: then what the ``conditions`` on the object say
    was told by an operator before this one.
    """
    if told is None:
        told = _told_before(troubles, conditions)
    wrong = {(trouble.reason, trouble.cause): trouble for trouble in troubles}
    found = tuple(_warning(trouble) for fact, trouble in wrong.items() if fact not in told)
    return ((RECOVERED,) if told and not wrong else found), frozenset(wrong)


def of_end(outcome: str) -> News | None:
    """Return what to tell of a connection that ended like this: just that a limit of its service was the reason.

    It is the same of each, so that many are one Event with a count; and who was connected is nobody's business.
    """
    limit = _LIMITS.get(outcome)
    if limit is None:
        return None
    return News(EventType.NORMAL, "SessionLimit", ACTION, f"a connection was ended by {limit}")


def _warning(trouble: Trouble) -> News:
    return News(EventType.WARNING, trouble.reason, ACTION, trouble.gist or trouble.message)


def _told_before(troubles: Sequence[Trouble], conditions: Sequence[Condition]) -> Told:
    return frozenset(
        (trouble.reason, trouble.cause)
        for trouble in troubles
        for condition in conditions
        if condition.type == "Degraded"
        and condition.status == "True"
        and (trouble.gist or trouble.message) in condition.message
    )
