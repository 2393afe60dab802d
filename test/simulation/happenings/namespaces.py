"""The namespace is deleted with all that is in it, and made anew with the same services, as users do."""

from collections.abc import Sequence
from contextlib import suppress

from isoproxy.kube.resources import Json
from isoproxy.local.apiserver.errors import StatusError
from test.simulation.happenings.kind import Kind, seconds
from test.simulation.happenings.processes import drain, start_if_missing
from test.simulation.processes import ProxyProcess
from test.simulation.world import NAMESPACE, World

LONGEST_ABSENCE = 20.0  # seconds
LATEST_END = 7.0
"""Seconds until a proxy whose pod is in the namespace is told to end."""
DRAIN_SECONDS = 40.0
LOOK_SECONDS = 1.0


def _delete_namespace(world: World, which: float, amount: float) -> None:
    delete_namespace(world, with_proxies=amount < 0.5, absence=seconds(which, LONGEST_ABSENCE))


def delete_namespace(world: World, *, with_proxies: bool, absence: float) -> None:
    """Have a user delete the namespace, and make it anew when it is gone and so many seconds are over.

    ``with_proxies``: those are pods in it, and end with it; else they live elsewhere, and see their service go.
    """
    if world.is_homeless:
        return
    world.is_homeless = True
    services = [(one["metadata"]["name"], one["spec"]) for one in world.services()]
    ending = [proxy for proxy in world.proxies if not proxy.draining] if with_proxies else []
    world.namespaces.delete(NAMESPACE)
    for number, proxy in enumerate(ending):
        world.timeline.after(LATEST_END * number / len(ending), _drain, world, proxy)
    world.timeline.after(absence, _make_anew, world, services, [proxy.service for proxy in ending])


def _drain(world: World, proxy: ProxyProcess) -> None:
    if proxy in world.proxies and not proxy.draining:
        drain(world, proxy, DRAIN_SECONDS)


def _make_anew(world: World, services: Sequence[tuple[str, Json]], proxies: Sequence[tuple[str, str]]) -> None:
    if not world.namespaces.create(NAMESPACE):
        world.timeline.after(LOOK_SECONDS, _make_anew, world, services, proxies)
        return
    world.is_homeless = False
    for name, spec in services:
        with suppress(StatusError):  # somebody was faster
            world.make_service(name, spec)
    for service in proxies:
        start_if_missing(world, service)


HAPPENINGS = {"delete namespace": Kind(0.5, _delete_namespace)}
