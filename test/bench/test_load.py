"""The load generator does what it says, on a direct connection to its own far end."""

import os
import socket

import pytest

from bench import load

SECONDS = 0.5
"""More than nothing is done in that, though the process stands still for a moment."""


def test_the_far_end_echoes_an_x_and_discards_the_rest() -> None:
    with load.server() as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"xyz")
            assert client.recv(10) == b"xyz"
        load.send_all(port, total=1_000_000)


def test_it_connects_as_often_as_it_is_asked_to() -> None:
    with load.server() as port:
        assert [len(taken) for taken in load.connect_in_turns([port, port], count=3, spacing=0.0)] == [3, 3]
        assert load.connect_many(port, count=30, parallel=7) > 0
        assert len(load.connect_for(port, seconds=SECONDS, parallel=3)) >= 3


def test_it_talks_over_connections_that_it_holds() -> None:
    with load.server() as port:
        with load.held_open(port, count=10) as opened:
            assert len(opened) == 10
        talk = load.run(load.ping_pong, port, connections=5, seconds=SECONDS, pid=os.getpid())
        assert talk.messages_per_second > 0


def test_a_job_that_fails_in_its_process_is_told() -> None:
    with pytest.raises(RuntimeError, match="send_all"):
        load.run(load.send_all, 1, total=1)
