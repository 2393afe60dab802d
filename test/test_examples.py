"""The examples are what a newcomer meets first: each is a valid service, and the game can be won."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from isoproxy.model import crds
from isoproxy.model.dedicatedservice import DedicatedService, parse_service

TREE = Path(__file__).parent.parent
EXAMPLES = sorted((TREE / "examples").glob("*.yaml"))
BOUND = 20.0  # seconds that anything here may take

WAY_TO_WIN = """
    look; east; take lamp; read letter; light lamp; down; take key; up; west; north; unlock door; up; light lantern
"""


def load(path: Path) -> DedicatedService:
    service = parse_service(yaml.safe_load(path.read_text()) | {"metadata": {"name": path.stem, "uid": "u"}})
    assert isinstance(service, DedicatedService), service
    return service


class Player:
    """One connection to a program of the examples, run as a process of its own."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def hear(self) -> str:
        """What is said until the next prompt or the end, without the prompt; lines end with CR LF."""
        heard = b""
        while not heard.endswith(b"\r\n> ") and (data := self.connection.recv(4096)):
            heard += data
        assert heard.count(b"\n") == heard.count(b"\r\n")
        return heard.decode("ascii").removesuffix("> ").replace("\r\n", "\n")

    def say(self, line: str) -> str:
        """Type a line, as a telnet client sends it; return the answer on one line, however it was wrapped."""
        self.send(line.encode() + b"\r\n")
        return " ".join(self.hear().split())

    def is_over(self) -> bool:
        return self.connection.recv(1) == b""


@contextmanager
def running(example: str) -> Iterator[tuple[subprocess.Popen[str], Player]]:
    """Run the example's Python program on a free port of the loopback, and connect to it."""
    spec = load(TREE / "examples" / example).spec
    assert list(spec.command) == ["python3", "-u", "-c"]
    command = [sys.executable, *spec.command[1:], *spec.args]
    environment = os.environ | {"POD_IP": "127.0.0.1", "PORT": "0"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as program:
        try:
            assert program.stdout is not None
            ready = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", program.stdout.readline())
            assert ready is not None
            with socket.create_connection(("127.0.0.1", int(ready[1])), BOUND) as connection:
                yield program, Player(connection)
        finally:
            program.kill()


@contextmanager
def playing() -> Iterator[Player]:
    with running("adventure.yaml") as (program, player):
        assert "THE DARK LIGHTHOUSE" in player.hear()
        yield player
        player.connection.close()
        assert program.wait(BOUND) == 0


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_one_valid_service_that_runs_with_or_without_a_cluster(path: Path) -> None:
    manifest = yaml.safe_load(path.read_text())
    assert (manifest["apiVersion"], manifest["kind"]) == ("soh.re/v1alpha1", "DedicatedService")
    assert manifest["metadata"] == {"name": path.stem}
    spec = load(path).spec
    assert spec.image  # for a cluster
    assert spec.command  # for a machine without one


def test_all_examples_can_run_at_once() -> None:
    ports = [load(path).spec.service.port for path in EXAMPLES]
    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_names_no_field_that_the_crd_does_not_know(path: Path) -> None:
    (crd,) = (crd for crd in crds.load() if crd["spec"]["names"]["kind"] == "DedicatedService")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]

    def unknown(value: object, schema: dict[str, Any], where: str) -> Iterator[str]:
        if isinstance(value, dict) and "properties" in schema:
            for name, field in value.items():
                if name in schema["properties"]:
                    yield from unknown(field, schema["properties"][name], f"{where}.{name}")
                else:
                    yield f"{where}.{name}"

    assert list(unknown(yaml.safe_load(path.read_text())["spec"], schema, "spec")) == []


def test_the_game_can_be_won() -> None:
    with playing() as player:
        *_, last = [player.say(command.strip()) for command in WAY_TO_WIN.split(";")]
        assert last.endswith("YOU HAVE WON, in 13 moves.")
        assert player.is_over()


def test_the_dark_is_deadly_without_a_light() -> None:
    with playing() as player:
        player.say("go east")
        assert "likely to be eaten by a grue" in player.say("down")
        assert "A grue has eaten you" in player.say("take the key")
        assert player.is_over()


def test_the_tower_is_locked_until_the_key_is_found() -> None:
    with playing() as player:
        player.say("n")
        assert player.say("u") == "The iron door is locked."
        assert player.say("unlock door") == "You have no key for that."


def test_quitting_ends_the_world() -> None:
    with playing() as player:
        assert "comes apart" in player.say("QUIT")
        assert player.is_over()


@pytest.mark.parametrize(
    "line",
    [b"", b"\xff\xfb\x1f\xff\xfd\x03", b"\x1b[A\x00", b"\xc3\x28 caf\xe9", b"xyzzy", b"take", b"x" * 100_000],
    ids=["nothing", "telnet negotiation", "control characters", "no UTF-8", "an unknown word", "no object", "100 kB"],
)
def test_the_game_goes_on_whatever_a_line_holds(line: bytes) -> None:
    with playing() as player:
        player.send(line + b"\n")
        assert player.hear()
        assert "Black rocks" in player.say("look")


@pytest.mark.parametrize("last_words", [b"", b"look", b"look\r\n"], ids=["none", "an unended line", "a line"])
def test_a_player_who_hangs_up_ends_the_program_cleanly(last_words: bytes) -> None:
    with playing() as player:
        player.send(last_words)


def test_the_echo_gives_back_every_byte_and_ends_when_its_client_has_no_more_to_say() -> None:
    with running("echo.yaml") as (program, client):
        client.send(bytes(range(256)))
        client.connection.shutdown(socket.SHUT_WR)
        with client.connection.makefile("rb") as answer:
            assert answer.read() == bytes(range(256))
        assert program.wait(BOUND) == 0
