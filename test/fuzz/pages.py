"""The listener for metrics and probes: it answers or closes, keeps nothing, and goes on to answer others."""

from twisted.internet.task import Clock

from isoproxy.observe.health import Health
from isoproxy.observe.metrics import Metrics
from isoproxy.observe.web import IDLE_SECONDS, web_factory
from isoproxy.timesource import TimeSource
from test.fuzz.failures import told_in_lines
from test.fuzz.listening import Connection

CODES = {b"100", b"200", b"400", b"404", b"405", b"408", b"501", b"503"}


def run(data: bytes) -> None:
    """``data`` is what a client sends."""
    clock = Clock()
    health = Health(TimeSource.simulated(clock))
    health.start()
    factory = web_factory(metrics=Metrics(), health=health, clock=clock)
    with told_in_lines():
        client = Connection(factory, clock)
        client.send(data)
        answered = bytes(client.answer)
        assert not answered or (answered.startswith(b"HTTP/1.") and answered[9:12] in CODES), answered[:200]
        clock.advance(IDLE_SECONDS)
        clock.advance(IDLE_SECONDS)
        assert client.closed
        assert not factory.waiting
        other = Connection(factory, clock)
        other.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert other.answer.startswith(b"HTTP/1.1 200 OK\r\n"), bytes(other.answer)
        assert other.closed
    health.stop()
