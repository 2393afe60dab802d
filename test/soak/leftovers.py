"""I4, when all is quiet again: what there should be is there, and nothing else."""

from isoproxy.operator.pacing import MOST_DELAY
from test.running.api import IPODS, LEASES, PODS, names
from test.running.waiting import TooLate, eventually
from test.soak.faults.fault import AWAY
from test.soak.world import GRACE_SECONDS, PROXIES, SERVICES, World

_SECONDS = MOST_DELAY + 2 * GRACE_SECONDS
"""Longer than it takes until a proxy that died is known to be dead, and its pods are given up; and where pods could not
be made for a while, the next try may be a longest back-off away."""


def check_base(world: World) -> None:
    """Wait until every pool is full and nothing is left over; an AssertionError says what is."""
    for service in SERVICES:
        wait_for_base(world, service, within=_SECONDS)
    warm = sum(map(world.base, SERVICES))

    def counts() -> bool:
        api = world.api
        pods, records, leases = (names(api.items(path)) for path in (PODS, IPODS, LEASES))
        assert pods == records, f"pods {pods} and their records {records}"
        assert len(pods) == warm, f"{len(pods)} pods, where {warm} are to be warm"
        assert len(leases) == len(SERVICES) * PROXIES + 1, f"Leases {leases}"
        return True

    eventually(counts, "nothing is left over", within=_SECONDS)


def wait_for_base(world: World, service: str, *, used: int = 0, within: float) -> None:
    """Wait for a full pool, with ``used`` pods beside it, whether the API server always answers meanwhile or not."""

    def look() -> bool:
        try:
            return world.api.is_at_base(service, world.base(service), used=used)
        except AWAY as error:
            raise AssertionError(str(error)) from error

    try:
        eventually(look, f"{world.base(service)} pods of {service}, warm, and {used} in use", within=within)
    except TooLate as error:
        raise TooLate(f"{error}\n{world.api.picture(service)}") from error
