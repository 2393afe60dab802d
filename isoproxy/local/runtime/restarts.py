"""Whether and when a program that ended is started again, as a kubelet decides it. Pure."""

from isoproxy.local.runtime.facts import Exit
from isoproxy.local.runtime.podspec import RestartPolicy

_FIRST = 10.0  # seconds
_LONGEST = 300.0
_FORGIVEN = 600.0  # a program that ran for so long starts with a clean record


def restarts(policy: RestartPolicy, exit_: Exit) -> bool:
    """Whether it is to be started again."""
    return policy == "Always" or (policy == "OnFailure" and exit_.code != 0)


def back_off(previous: float | None, ran_for: float) -> float:
    """Seconds to wait before a restart: none for the first (`previous` is None), then 10 s, doubling to 300 s.

    `previous`: the wait before the start that has just ended, `ran_for`: how long that ran, in seconds.
    """
    if previous is None or ran_for >= _FORGIVEN:
        return 0.0
    return min(_LONGEST, previous * 2) or _FIRST
