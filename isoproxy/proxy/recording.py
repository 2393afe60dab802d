"""What is to be written about one pod that left the stock, given how far its IsolationPod has got. Pure.

Only forward: Idle, InUse, Released; or Idle, Returned. The last two are final, whoever wrote them.
"""

from dataclasses import dataclass
from datetime import datetime

from isoproxy.kube.resources import Json
from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.model.timestamps import rfc3339
from isoproxy.observe.outcomes import Outcome
from isoproxy.proxy.backend import Backend

FINAL = (Phase.RELEASED, Phase.RETURNED)
_ORDER = {Phase.IDLE: 0, Phase.IN_USE: 1, Phase.RELEASED: 2, Phase.RETURNED: 2}
_FORWARD = {
    Phase.IDLE: (Phase.IN_USE, Phase.RELEASED, Phase.RETURNED),
    Phase.IN_USE: (Phase.RELEASED,),
    Phase.RELEASED: (),
    Phase.RETURNED: (),
}
_MAX_CLIENT = 64  # characters that the CRD takes


@dataclass(slots=True)
class Story:
    """What happened to a pod, as far as it has; ``wanted`` is the phase that tells it."""

    pod: Backend
    wanted: Phase
    client: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    outcome: Outcome | None = None


def next_patch(story: Story, record: IsolationPod, instance: str) -> Json | None:
    """Return the guarded merge patch of the status that is due, None when there is nothing (more) to write."""
    if record.metadata.uid != story.pod.uid or story.wanted not in _FORWARD[record.status.phase]:
        return None
    return {"metadata": {"resourceVersion": record.metadata.resource_version}, "status": _status(story, instance)}


def further(one: IsolationPod | None, other: IsolationPod | None) -> IsolationPod | None:
    """Return which of two views of an object is the later one; the first, where their phases do not tell."""
    if one is None or other is None:
        return one or other
    return other if _ORDER[other.status.phase] > _ORDER[one.status.phase] else one


def _status(story: Story, instance: str) -> Json:
    status: Json = {"phase": story.wanted.value, "inUse": story.wanted is Phase.IN_USE, "proxy": instance}
    if story.client:
        status["client"] = story.client[:_MAX_CLIENT]
    if story.started is not None:
        status["connectionStartTime"] = rfc3339(story.started)
    if story.ended is not None:
        status["lastUsedTime"] = rfc3339(story.ended)
    if story.outcome is not None:
        status["outcome"] = story.outcome.value
    return status
