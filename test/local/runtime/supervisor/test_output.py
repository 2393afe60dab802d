"""A program's output on its way to twistd."""

import pytest

from isoproxy.local.runtime.supervisor import output as module
from isoproxy.local.runtime.supervisor.loop import Loop
from isoproxy.local.runtime.supervisor.output import Output
from test.local.runtime.support import in_one_moment


class Sent(list[tuple[bytes, int]]):
    """What was sent; `open` says whether more is taken."""

    open = True

    def send(self, data: bytes, left_out: int) -> bool:
        if self.open:
            self.append((data, left_out))
        return self.open


@pytest.fixture(autouse=True)
def short_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INTERVAL", 0.02)


def test_the_first_bytes_go_at_once_and_the_next_together() -> None:
    loop, sent = Loop(), Sent()
    output = Output(loop, 100, sent.send)
    with in_one_moment():
        for data in (b"one", b"two", b"three"):
            output.append(data)
    assert sent == [(b"one", 0)]
    loop.turn(None)
    assert sent == [(b"one", 0), (b"twothree", 0)]


def test_of_a_flood_the_newest_goes_and_how_much_was_left_out() -> None:
    loop, sent = Loop(), Sent()
    output = Output(loop, 10, sent.send)
    with in_one_moment():
        output.append(b"first")
        for number in range(10):
            output.append(b"%05d" % number)
    loop.turn(None)
    assert sent == [(b"first", 0), (b"0000800009", 40)]


def test_what_is_not_taken_now_is_offered_again() -> None:
    loop, sent = Loop(), Sent()
    sent.open = False
    output = Output(loop, 100, sent.send)
    output.append(b"one")
    assert sent == []
    sent.open = True
    output.append(b"two")
    loop.turn(None)
    assert sent == [(b"onetwo", 0)]


def test_the_end_sends_what_is_left() -> None:
    loop, sent = Loop(), Sent()
    output = Output(loop, 100, sent.send)
    with in_one_moment():
        output.append(b"one")
        output.append(b"two")
    output.end()
    assert sent == [(b"one", 0), (b"two", 0)]
    loop.turn(0.05)
    assert len(sent) == 2
