"""I6: what a client sent before it was served is passed on once, in order and unchanged; and so is that it ended."""

from test.simulation.oracle.scene import Scene
from test.simulation.oracle.visits import Visit


class Relays:
    """What relays are given to begin with: of what comes later no byte is looked at."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def handed_over(self, visit: Visit, early: bytes, eof: bool) -> None:
        """A relay is made, with what a proxy has kept of a visitor, and whether that is all there will be."""
        sent, has_shut = visit.visitor.sent, visit.visitor.shut_at is not None
        if early != sent:
            self._scene.wrong(f"I6: {visit} sent {len(sent)} bytes, and {len(early)} or others are passed on")
        if eof != has_shut:
            self._scene.wrong(f"I6: {visit} {'shut down' if has_shut else 'may go on'}, and its pod is told otherwise")
