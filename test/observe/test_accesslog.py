"""The one line of a connection."""

from dataclasses import replace

from isoproxy.observe.accesslog import AccessLog, Entry, logfmt
from isoproxy.observe.outcomes import Outcome

ENTRY = Entry(
    namespace="default",
    service="adventure",
    client="192.0.2.7:40312",
    pod="adventure-x7k2p",
    outcome=Outcome.COMPLETED,
    queued=0.0004,
    connect=0.0012,
    duration=12.3449,
    bytes_in=310,
    bytes_out=8127,
    attempts=1,
    error="",
)


def test_a_line_is_logfmt() -> None:
    assert logfmt(ENTRY) == (
        "service=default/adventure client=192.0.2.7:40312 pod=adventure-x7k2p outcome=completed queued=0.000 "
        "connect=0.001 duration=12.345 bytes_in=310 bytes_out=8127 attempts=1 error=-"
    )
    assert all(part.count("=") == 1 for part in logfmt(ENTRY).split(" "))


def test_a_connection_that_never_had_a_pod_says_so() -> None:
    entry = Entry(
        namespace="default",
        service="adventure",
        client="192.0.2.7:40312",
        pod="",
        outcome=Outcome.QUEUE_FULL,
        queued=0.0,
        connect=0.0,
        duration=0.0,
        bytes_in=0,
        bytes_out=0,
        attempts=0,
        error="",
    )
    assert " pod=- outcome=queue_full " in logfmt(entry)


def test_what_went_wrong_is_told() -> None:
    assert logfmt(replace(ENTRY, error="ECONNREFUSED")).endswith(" attempts=1 error=ECONNREFUSED")


def test_each_record_is_one_line() -> None:
    lines: list[str] = []
    AccessLog(lines.append).record(ENTRY)
    assert lines == [logfmt(ENTRY)]


def test_lines_go_to_the_log_of_the_process() -> None:
    AccessLog().record(ENTRY)  # nothing in it is taken for a format
