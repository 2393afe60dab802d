"""What is wrong with a service, from what a plan found. Pure."""

from dataclasses import dataclass
from datetime import datetime

from isoproxy.model.dedicatedservice import InvalidService
from isoproxy.model.pod import Pod, Running
from isoproxy.operator import belonging, unused
from isoproxy.operator.actions import Child
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.observed import Observed
from isoproxy.operator.standing import Entry

_FAILING = (("ReplicaFailure", "True"), ("Progressing", "False"))
"""Conditions of a Deployment that cannot make its pods, or whose pods have not become ready in time."""
RESTARTED_SECONDS = 300.0
"""A container that has run for longer has left behind how it ended the last time, whatever it lacks now."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: a word for it, and a sentence about how it is now.

    ``cause`` tells it from others of the same reason. ``gist`` is the sentence without what changes from one moment to
    the next, where the message has that.
    """

    reason: str
    message: str
    cause: str = ""
    gist: str = ""


def troubles(observed: Observed, entries: tuple[Entry, ...], now: datetime) -> list[Trouble]:
    """Return what is wrong, the most telling first. ``now`` is the time of day: it is compared with that of nodes."""
    # In an order of their own: what two operators see in another order they are to tell alike.
    met = [(child, observed.obstacles[child]) for child in Child if child in observed.obstacles]
    found = [Trouble(obstacle.reason, obstacle.message, cause=child.name) for child, obstacle in met]
    failing = next((why for entry in entries if (why := unused.trouble(observed, entry))), "")
    if why := failing or observed.pacing.why:
        found.append(Trouble("PodsFailing", f"pods do not start: {why}", cause=why.partition(":")[0]))
    found += _of_proxies(observed, now)
    proxies = observed.proxies.values()
    errors = {proxy.lease.listen_error for proxy in proxies if proxy.lease and proxy.verdict is Verdict.ALIVE} - {""}
    found += [Trouble("ListenFailed", error, cause=error) for error in sorted(errors)]
    queued = sum(proxy.queued for proxy in proxies)
    if queued and len(observed.pods) >= observed.service.spec.pod_ceiling:
        gist = "connections wait and maxPods is reached"
        found.append(Trouble("PoolExhausted", f"{queued} {gist}", gist=gist))
    lost = sorted(proxy.instance for proxy in proxies if proxy.verdict is Verdict.EXPIRED)
    found += [Trouble("ProxyLost", f"proxy {instance} is not heard of", cause=instance) for instance in lost]
    return found


def _of_proxies(observed: Observed, now: datetime) -> list[Trouble]:
    """Return what keeps proxies from running: of their pods, and of the Deployment where there are none to ask."""
    # Those that ended for good are replaced, and may be left lying for long.
    living = [pod for pod in observed.proxy_pods if not pod.ending and pod.status.phase not in ("Failed", "Succeeded")]
    living.sort(key=lambda pod: pod.metadata.name)
    reasons = [why for pod in living if (why := _why_not_running(pod, now))][:1]
    deployment = belonging.own_child(observed, Child.DEPLOYMENT)
    if deployment is not None:
        said = [condition for condition in deployment.conditions if (condition.type, condition.status) in _FAILING]
        reasons += [f"{condition.reason}: {condition.message}" for condition in said]
    return [Trouble("ProxiesFailing", f"a proxy does not run: {why}", cause=why.partition(":")[0]) for why in reasons]


def _why_not_running(pod: Pod, now: datetime) -> str:
    """Return why a proxy does not run, ``""`` where it does or is about to.

    Of one that is started again and again it is how it ended the last time: the same while it waits and while it tries.
    """
    for container in pod.status.container_statuses:
        ended, waiting = container.last_state.terminated, container.state.waiting
        tries_again = not pod.passes_probes and _is_fresh(container.state.running, now)
        if ended is not None and (tries_again or (waiting is not None and waiting.reason == "CrashLoopBackOff")):
            return ended.told
    return pod.trouble


def _is_fresh(running: Running | None, now: datetime) -> bool:
    """Whether a container was started just now."""
    since = running.started_at if running is not None else None
    return since is not None and (now - since).total_seconds() < RESTARTED_SECONDS


def of_invalid(service: InvalidService) -> list[Trouble]:
    """Return what is wrong with a service whose spec cannot be understood."""
    return [Trouble("InvalidSpec", service.problem, cause=service.problem)]


def of_doomed() -> list[Trouble]:
    """Return what is wrong with a service whose namespace is being deleted."""
    return [Trouble("NamespaceTerminating", "its namespace is being deleted: nothing more can be made in it")]
