"""What a DedicatedService says of itself: counts, endpoints and conditions, from what a plan found."""

from dataclasses import replace
from datetime import datetime

from isoproxy.model import names
from isoproxy.model.dedicatedservice import DedicatedService, DedicatedServiceStatus, InvalidService
from isoproxy.model.pod import Condition
from isoproxy.operator import belonging
from isoproxy.operator.actions import Child, MakePod, Recall
from isoproxy.operator.childkinds import title
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.observed import Observed
from isoproxy.operator.planner import Plan
from isoproxy.operator.standing import Entry, Standing
from isoproxy.operator.troubles import Trouble, troubles

_UNUSED = (Standing.WARM, Standing.STOCKED)
MOST_ENDPOINTS = 1000
"""What the CRD takes."""
MOST_MESSAGE = 4096
"""Characters of a condition's message: fewer than the CRD takes, and enough to read."""


def status(observed: Observed, planned: Plan, before: DedicatedServiceStatus, now: datetime) -> DedicatedServiceStatus:
    """Return the status to be shown after ``planned``, where ``before`` is shown now."""
    entries = planned.entries
    proxies = observed.proxies.values()
    claimed = sum(proxy.claimed for proxy in proxies)
    available = sum(entry.standing in _UNUSED and entry.pod is not None and entry.pod.ready for entry in entries)
    available = max(0, available - claimed)
    generation = observed.service.metadata.generation
    # A pool that is empty for a moment is at work, not broken; one that has not been filled yet is not Ready.
    was_ready = any(condition.type == "Ready" and condition.status == "True" for condition in before.conditions)
    served = available > 0 or observed.service.spec.replicas == 0 or (was_ready and not planned.starved)
    conditions = (
        _ready(observed, served=served),
        _progressing(observed, planned),
        _degraded(observed, entries, now),
    )
    return DedicatedServiceStatus(
        total_targets=sum(not pod.ending for pod in observed.pods.values()),
        available_targets=available,
        in_use=sum(entry.standing in (Standing.IN_USE, Standing.LOST) for entry in entries) + claimed,
        queued=sum(proxy.queued for proxy in proxies),
        endpoints=_endpoints(observed),
        observed_generation=generation,
        conditions=_dated(conditions, before.conditions, generation, now),
    )


def given_up(
    service: DedicatedService | InvalidService, why: Trouble, before: DedicatedServiceStatus, now: datetime
) -> DedicatedServiceStatus:
    """Return the status of a service that nothing is done for because of ``why``; its counts stay as they were."""
    generation = service.metadata.generation
    conditions = tuple(
        _condition(kind, said, why.reason, why.message)
        for kind, said in (("Ready", "False"), ("Progressing", "False"), ("Degraded", "True"))
    )
    return replace(
        before, observed_generation=generation, conditions=_dated(conditions, before.conditions, generation, now)
    )


def _endpoints(observed: Observed) -> tuple[str, ...]:
    """Return where clients connect: to the Service of deployed proxies, or to each proxy where others run them."""
    if observed.proxy_image is None:
        accepting = [proxy.lease for proxy in observed.proxies.values() if proxy.lease and proxy.accepting]
        return tuple(sorted({lease.listen for lease in accepting if lease.listen})[:MOST_ENDPOINTS])
    # As it is, not as it is to be: a change of its port may have been refused.
    there, meta = belonging.own_child(observed, Child.SERVICE), observed.service.metadata
    if there is None or there.port is None:
        return ()
    return (f"{names.proxy_name(meta.name)}.{meta.namespace}.svc:{there.port}",)


def _ready(observed: Observed, *, served: bool) -> Condition:
    obstacle = observed.obstacles.get(Child.SERVICE)
    if obstacle is not None and belonging.own_child(observed, Child.SERVICE) is None:
        return _condition("Ready", "False", obstacle.reason, obstacle.message)
    living = [proxy for proxy in observed.proxies.values() if proxy.verdict is Verdict.ALIVE and proxy.lease]
    errors = [proxy.lease.listen_error for proxy in living if proxy.lease and proxy.lease.listen_error]
    if not any(proxy.accepting for proxy in living):
        if errors:
            return _condition("Ready", "False", "ListenFailed", errors[0])
        if observed.proxy_image is not None:
            message = f"no proxy of {title(Child.DEPLOYMENT, observed.service)} accepts connections yet"
            return _condition("Ready", "False", "ProxiesStarting", message)
        return _condition("Ready", "False", "NoProxy", "no proxy accepts connections")
    if not served:
        return _condition("Ready", "False", "PoolEmpty", "no pod is Ready for a connection")
    return _condition("Ready", "True", "PoolReady", "connections find a pod")


def _progressing(observed: Observed, planned: Plan) -> Condition:
    if observed.pacing.in_a_row:
        message = f"{observed.pacing.in_a_row} failures in a row: pods are made ever more rarely"
        return _condition("Progressing", "True", "BackingOff", message)
    changing = any(isinstance(action, MakePod | Recall) for action in planned.actions)
    starting = any(entry.standing is Standing.STARTING for entry in planned.entries)
    put_off = observed.paused and planned.lacks
    if changing or starting or put_off or observed.unseen_pods:
        return _condition("Progressing", "True", "PoolFilling", "pods are being made")
    return _condition("Progressing", "False", "PoolFull", "the pool is as wanted")


def _degraded(observed: Observed, entries: tuple[Entry, ...], now: datetime) -> Condition:
    found = troubles(observed, entries, now)
    if not found:
        return _condition("Degraded", "False", "AsWanted", "")
    return _condition("Degraded", "True", found[0].reason, "; ".join(trouble.message for trouble in found))


def _condition(kind: str, status: str, reason: str, message: str) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message[:MOST_MESSAGE])


def _dated(
    conditions: tuple[Condition, ...], before: tuple[Condition, ...], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Give each condition its time: that of its last change of status, so that waiting on one works."""
    known = {condition.type: condition for condition in before}

    def dated(condition: Condition) -> Condition:
        old = known.get(condition.type)
        since = old.last_transition_time if old is not None and old.status == condition.status else now
        return replace(condition, last_transition_time=since, observed_generation=generation)

    return tuple(dated(condition) for condition in conditions)
