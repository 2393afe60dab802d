"""Bugs by which a service's status says what is not so."""

import math
from contextlib import ExitStack

from isoproxy.model.dedicatedservice import DedicatedService, DedicatedServiceStatus
from isoproxy.operator.publisher import Publisher
from test.simulation.mutations.mutation import Mutation, swap


def _look_at_conditions_alone(stack: ExitStack) -> None:
    publish = Publisher.publish

    async def if_they_change(self: Publisher, service: DedicatedService, wanted: DedicatedServiceStatus) -> float:
        if wanted.conditions == self.current(service).conditions:
            return math.inf
        return await publish(self, service, wanted)

    swap(stack, Publisher, "publish", if_they_change)


MUTATIONS = (Mutation("a status whose counts alone have changed is not written", ("I4",), _look_at_conditions_alone),)
