"""The words between twistd and the supervisor."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoproxy.local.runtime.supervisor import wire

MESSAGES: list[wire.Message] = [
    wire.Start(1, ["sh", "-c", "echo ü\n"], {"A": "b", "\udcff": "\n"}, ""),
    wire.Stop(1, 0.5),
    wire.Run(2, 1, ["true"]),
    wire.Kill(2),
    wire.Finish(1),
    wire.Shutdown(1.0),
    wire.Hello(10, "/tmp/x"),
    wire.Started(1, 11),
    wire.Ended(1, True, 137, 9, ""),
    wire.Ran(2, 0, ""),
    wire.Output(1, "aGk=", 3),
]


@given(st.lists(st.integers(min_value=0, max_value=600)))
def test_messages_arrive_as_they_were_sent_however_they_are_cut(cuts: list[int]) -> None:
    stream = b"".join(map(wire.encode, MESSAGES))
    reader = wire.LineReader()
    arrived: list[wire.Message] = []
    for start, end in pairwise([0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]):
        arrived += reader.feed(stream[start:end])
    assert arrived == MESSAGES


def test_a_message_is_one_line_whatever_it_says() -> None:
    assert all(wire.encode(message).count(b"\n") == 1 for message in MESSAGES)


def test_output_carries_bytes() -> None:
    assert wire.Output(1, "/w==", 0).octets == b"\xff"


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'["Nonsense"]', b'["Stop",1]', b'["Stop",1,2,3]', b"\xff", b"7"])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(line)


def test_a_line_without_end_is_refused() -> None:
    reader = wire.LineReader()
    assert list(reader.feed(b"x" * wire.MAX_LINE)) == []
    with pytest.raises(wire.WireError, match="a line of more than"):
        list(reader.feed(b"x"))


def test_a_message_that_would_not_be_taken_is_not_sent() -> None:
    reader = wire.LineReader()
    most = wire.MAX_LINE - len(wire.encode(wire.Run(1, 1, [""]))) + 1
    assert list(reader.feed(wire.encode(wire.Run(1, 1, ["x" * most])))) == [wire.Run(1, 1, ["x" * most])]
    with pytest.raises(wire.WireError, match="which is more than"):
        wire.encode(wire.Run(1, 1, ["x" * (most + 1)]))


def test_whatever_a_program_can_be_given_is_no_longer_on_the_way_but_for_escapes() -> None:
    texts = ["\U0001f600" * 100_000] * 5  # 2 MB
    assert len(wire.encode(wire.Run(1, 1, texts))) < 2_001_000
