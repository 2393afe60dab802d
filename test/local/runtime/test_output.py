"""The output that is kept of a pod."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoproxy.local.apiserver.logs import LogLine, PodLogs
from isoproxy.local.runtime.facts import PodId
from isoproxy.local.runtime.output import Logs, OutputLog

POD = PodId("default", "pod", "uid")


def texts(log: OutputLog, last: int | None = None) -> list[bytes]:
    return [line.text for line in log.lines(last)]


@given(
    lines=st.lists(st.binary(max_size=30).filter(lambda text: b"\n" not in text), max_size=60),
    cuts=st.lists(st.integers(min_value=0, max_value=2000)),
    size=st.integers(min_value=31, max_value=400),
)
def test_the_newest_whole_lines_are_kept_however_they_arrive(lines: list[bytes], cuts: list[int], size: int) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    log = OutputLog(size)
    for start, end in pairwise(edges):
        log.feed(1.0, stream[start:end], 0)
    log.end(2.0)
    kept = texts(log)
    assert kept == lines[len(lines) - len(kept) :]
    assert sum(len(line) + 1 for line in kept) <= size
    if len(kept) < len(lines):
        assert sum(len(line) + 1 for line in kept) + len(lines[-len(kept) - 1]) + 1 > size
    assert texts(log, 3) == kept[-3:]


def test_a_line_carries_the_time_it_was_finished() -> None:
    log = OutputLog(100)
    log.feed(1.0, b"one\ntw", 0)
    log.feed(2.0, b"o\n", 0)
    assert log.lines() == [LogLine(1.0, b"one"), LogLine(2.0, b"two")]


def test_an_unfinished_line_is_kept_back_until_the_end() -> None:
    log = OutputLog(100)
    log.feed(1.0, b"login: ", 0)
    assert texts(log) == []
    log.end(2.0)
    assert texts(log) == [b"login: "]


def test_a_line_without_end_is_cut() -> None:
    log = OutputLog(1_000_000)
    log.feed(1.0, b"x" * 70_000, 0)
    assert texts(log) == [b"x" * 70_000]


def test_after_a_gap_the_rest_of_a_line_is_no_line() -> None:
    log = OutputLog(100)
    log.feed(1.0, b"one\ntw", 0)
    log.feed(2.0, b"ee", 1000)
    log.feed(3.0, b"eee\nfour\n", 0)
    assert texts(log) == [b"one", b"four"]


def test_reading_and_then_following_misses_nothing_and_repeats_nothing() -> None:
    log = OutputLog(100)
    heard: list[bytes] = []
    log.feed(1.0, b"one\ntw", 0)
    seen = texts(log)
    log.follow(lambda line: heard.append(line.text), lambda: heard.append(b"(end)"))
    log.feed(2.0, b"o\nthree", 0)
    log.end(3.0)
    assert seen + heard == [b"one", b"two", b"three", b"(end)"]


def test_who_stops_following_hears_nothing_more() -> None:
    log = OutputLog(100)
    heard: list[bytes] = []
    stop = log.follow(lambda line: heard.append(line.text), lambda: heard.append(b"(end)"))
    stop()
    stop()
    log.feed(1.0, b"one\n", 0)
    log.end(2.0)
    assert heard == []


def test_following_what_has_ended_ends_at_once() -> None:
    log = OutputLog(100)
    log.end(1.0)
    heard: list[str] = []
    log.follow(lambda line: heard.append("line"), lambda: heard.append("end"))()
    assert heard == ["end"]


def test_a_pods_log_is_that_of_its_newest_start_and_goes_with_the_pod() -> None:
    logs = Logs(100)
    answers: PodLogs = logs
    first = logs.open(POD)
    first.feed(1.0, b"first\n", 0)
    second = logs.open(POD)
    logs.drop(POD, first)  # too late to mean the second
    second.feed(1.0, b"second\n", 0)
    assert [line.text for line in answers.read("default", "pod", container="main", tail_lines=None)] == [b"second"]
    logs.drop(POD, second)
    with pytest.raises(LookupError):
        answers.read("default", "pod", container="main", tail_lines=None)
    with pytest.raises(LookupError):
        answers.follow("default", "pod", container="", on_line=lambda line: None, on_end=lambda: None)
