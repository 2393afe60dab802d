"""Pods that end, or do not start, before anybody has had them: which those are, and what may be told of them. Pure."""

from isoproxy.model.isolationpod import Phase
from isoproxy.operator.actions import EndReason
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.observed import Observed
from isoproxy.operator.standing import Entry, Standing, verdict_of


def ended_unused(observed: Observed, entry: Entry) -> bool:
    """Whether an entry's pod has ended and nobody has had it, or could not even be made.

    Those at proxies count: where pods fail soon after they are Ready, nearly all are at one by then. But a proxy has
    its time to write who had the pod, and while one is silent nobody knows that.
    """
    if entry.pod is None:
        return entry.reason is EndReason.POD_ABSENT and not entry.record.assigned
    if entry.record.status.phase not in (Phase.IDLE, Phase.RETURNED):
        return False
    is_silent = verdict_of(observed, entry.record) is not Verdict.ALIVE
    if entry.reason is EndReason.POD_ENDED and entry.record.assigned and is_silent:
        return False
    ended = entry.reason in (EndReason.POD_ENDED, EndReason.RETURNED)
    return ended and entry.pod.status.phase in ("Failed", "Succeeded")


def trouble(observed: Observed, entry: Entry) -> str:
    """Return why an entry's pod does not start or has ended; ``""`` where it works, or somebody may have had it.

    Of one at a proxy that is its reason and exit code alone: a program's last words may be of its client.
    """
    ailment = entry.pod.ailment if entry.pod is not None else None
    if ailment is None:
        return ""
    if not entry.record.assigned:
        return ailment.told if entry.standing in (Standing.STARTING, Standing.OVER) else ""
    return ailment.outline if ended_unused(observed, entry) else ""
