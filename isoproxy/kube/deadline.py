"""A bound in time for what could wait for ever."""

from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from isoproxy.kube.errors import KubeError, NotSent

T = TypeVar("T")


def with_deadline(clock: IReactorTime, seconds: float, work: Deferred[T]) -> Deferred[T]:
    """The outcome of `work`, which is cancelled when it takes longer.

    What it then fails with says how far it came: its own KubeError, or, if it was just waiting, a NotSent. To cancel
    the result is a CancelledError at once, whatever becomes of the work: that is what tells the two apart.
    """
    late = abandoned = False

    def time_over() -> None:
        nonlocal late
        late = True
        work.cancel()

    def abandon(_: Deferred[T]) -> None:
        nonlocal abandoned
        abandoned = True
        work.cancel()

    def done(result: T | Failure) -> None:
        if timer.active():
            timer.cancel()
        if abandoned:
            return
        if not isinstance(result, Failure):
            outcome.callback(result)
        elif late and isinstance(result.value, CancelledError | KubeError):
            outcome.errback(_too_late(result.value, seconds))
        else:
            outcome.errback(result)

    outcome: Deferred[T] = Deferred(abandon)
    timer = clock.callLater(seconds, time_over)
    work.addBoth(done)
    return outcome


def _too_late(error: BaseException, seconds: float) -> BaseException:
    if type(error) is CancelledError:
        return NotSent(f"nothing could be sent in {seconds:g} s")
    error.add_note(f"given up after {seconds:g} s")
    return error
