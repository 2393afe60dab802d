"""What can happen to a world, by the names that scripts use: a module for each of those whom it befalls."""

from collections.abc import Mapping
from contextlib import suppress

from isoproxy.local.apiserver.errors import StatusError
from test.simulation.happenings import namespaces, network, nodes, processes, users, visits
from test.simulation.happenings.kind import Kind
from test.simulation.script import Happening
from test.simulation.world import World

KINDS: Mapping[str, Kind] = {
    **visits.HAPPENINGS,
    **processes.HAPPENINGS,
    **network.HAPPENINGS,
    **nodes.HAPPENINGS,
    **users.HAPPENINGS,
    **namespaces.HAPPENINGS,
}
LIKELIHOODS: Mapping[str, float] = {name: kind.likelihood for name, kind in KINDS.items()}


def let_happen(world: World, happening: Happening) -> None:
    """Let it happen, if there is whom it can happen to."""
    world.history.note(f"happens: {happening}")
    with suppress(StatusError):  # what it is about has just gone
        KINDS[happening.kind].happen(world, happening.which, happening.amount)
