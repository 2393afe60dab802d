"""A cluster of one service in memory: an API server, a kubelet, proxies and an operator around the real planner.

Synchronous and exact: everything that takes time is an event on one clock, how long it takes and what goes wrong is
drawn from one seed. The promises about pods and connections are checked where they could be broken, at every write.
"""

from test.operator.world.world import World

__all__ = ["World"]
