"""Users edit, scale, touch and delete what is theirs, and some of what is ours."""

from contextlib import suppress

from isoproxy.kube.resources import (
    CONFIG_MAPS,
    DEDICATED_SERVICES,
    ISOLATION_PODS,
    LEASES,
    NETWORK_POLICIES,
    PODS,
    Json,
    Resource,
)
from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.options import DeleteOptions
from test.simulation.happenings.kind import Kind, choose, seconds
from test.simulation.world import NAMESPACE, World

IMAGES = ("good:1", "good:2", "good:3", "slow:1", "never:1", "dies:1", "refuses:1", "silent:1", "flaps:1")


def _delete(world: World, resource: Resource, one: Json) -> None:
    meta = one["metadata"]
    world.history.note(f"a user deletes {resource.plural}/{meta['name']}")
    options = DeleteOptions(uid=meta["uid"])
    world.do(resource, lambda core, kind: core.delete(kind, meta["namespace"], meta["name"], options))


def delete_pod(world: World, pod: Json) -> None:
    """Have a user delete a Pod."""
    world.oracle.doings.pods.add(pod["metadata"]["uid"])
    _delete(world, PODS, pod)


def delete_record(world: World, record: Json) -> None:
    """Have a user delete an IsolationPod."""
    world.oracle.doings.records.add(record["metadata"]["uid"])
    _delete(world, ISOLATION_PODS, record)


def _delete_pod(world: World, which: float, amount: float) -> None:
    if (pod := choose(world.server.objects(PODS), which)) is not None:
        delete_pod(world, pod)


def _delete_record(world: World, which: float, amount: float) -> None:
    if (record := choose(world.server.objects(ISOLATION_PODS), which)) is not None:
        delete_record(world, record)


def _touch_record(world: World, which: float, amount: float) -> None:
    """A change that means nothing to anybody."""
    if (record := choose(world.server.objects(ISOLATION_PODS), which)) is not None:
        touch(world, record, str(amount))


def touch(world: World, record: Json, value: str) -> None:
    """Have a user annotate an IsolationPod."""
    patch = {"metadata": {"annotations": {"example.com/touched": value}}}
    world.do(ISOLATION_PODS, lambda core, kind: core.patch(kind, NAMESPACE, record["metadata"]["name"], patch))


def _delete_lease(world: World, which: float, amount: float) -> None:
    ours = [one for one in world.server.objects(LEASES) if one["metadata"]["namespace"] == NAMESPACE]
    if (lease := choose(ours, which)) is not None:
        _delete(world, LEASES, lease)


def _delete_child(world: World, which: float, amount: float) -> None:
    resource = CONFIG_MAPS if amount < 0.5 else NETWORK_POLICIES
    if (child := choose(world.server.objects(resource), which)) is not None:
        if resource == NETWORK_POLICIES:
            world.oracle.doings.walls.add(child["metadata"]["name"])
        _delete(world, resource, child)


def _edit(world: World, which: float, **spec: object) -> None:
    if (service := choose(world.services(), which)) is not None:
        edit(world, service["metadata"]["name"], **spec)


def edit(world: World, name: str, **spec: object) -> None:
    """Have a user change a service's spec."""
    world.history.note(f"a user edits {name}: {spec}")
    world.do(DEDICATED_SERVICES, lambda core, kind: core.patch(kind, NAMESPACE, name, {"spec": spec}))


def _scale(world: World, which: float, amount: float) -> None:
    _edit(world, which, replicas=int(amount * 7))


def _change_image(world: World, which: float, amount: float) -> None:
    _edit(world, which, image=IMAGES[int(amount * len(IMAGES))])


def _change_port(world: World, which: float, amount: float) -> None:
    _edit(world, which, port=8080 + int(amount * 3))


def _limit_pods(world: World, which: float, amount: float) -> None:
    _edit(world, which, maxPods=1 + int(amount * 8) if amount < 0.8 else None)


def _bound_clients(world: World, which: float, amount: float) -> None:
    """Those who come from then on, and those who have not heard of it yet by what held before."""
    longest = 2 + int(amount * 40) if amount < 0.7 else None
    silent = 1 + int(amount * 10) if 0.3 < amount < 0.9 else None
    _edit(
        world,
        which,
        queue={"timeoutSeconds": 1 + int(amount * 20), "maxLength": int(amount * 8)},
        session={"maxDurationSeconds": longest, "idleTimeoutSeconds": silent},
    )


def _delete_service(world: World, which: float, amount: float) -> None:
    if (service := choose(world.services(), which)) is not None:
        world.oracle.doings.services.add(service["metadata"]["uid"])
        _delete(world, DEDICATED_SERVICES, service)


def _make_anew(world: World, which: float, amount: float) -> None:
    """Delete a service, and make one of the same name at once or a moment later."""
    service = choose(world.services(), which)
    if service is None:
        return
    _delete_service(world, which, amount)
    name, spec = service["metadata"]["name"], service["spec"]

    def make() -> None:
        with suppress(StatusError):
            world.make_service(name, spec)

    world.timeline.after(seconds(amount, 5.0), make)


HAPPENINGS = {
    "delete pod": Kind(1.0, _delete_pod),
    "delete record": Kind(1.0, _delete_record),
    "touch record": Kind(1.5, _touch_record),
    "delete lease": Kind(0.7, _delete_lease),
    "delete child": Kind(0.5, _delete_child),
    "scale": Kind(2.0, _scale),
    "change image": Kind(1.5, _change_image),
    "change port": Kind(0.3, _change_port),
    "limit pods": Kind(0.7, _limit_pods),
    "bound clients": Kind(0.7, _bound_clients),
    "delete service": Kind(0.5, _delete_service),
    "make anew": Kind(0.7, _make_anew),
}
