"""Deliberate bugs, one at a time put into the product: a simulation that does not find them proves nothing."""

from test.simulation.mutations import counting, endings, limiting, once, queueing, relaying, showing, telling, waiting
from test.simulation.mutations.mutation import Mutation, put_in

__all__ = ["MUTATIONS", "Mutation", "put_in"]

MUTATIONS = (
    *once.MUTATIONS,
    *endings.MUTATIONS,
    *telling.MUTATIONS,
    *showing.MUTATIONS,
    *counting.MUTATIONS,
    *limiting.MUTATIONS,
    *waiting.MUTATIONS,
    *queueing.MUTATIONS,
    *relaying.MUTATIONS,
)
