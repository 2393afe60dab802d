"""The process runtime, with real processes."""

import os
import socket
from os.path import exists
from pathlib import Path

import pytest
import pytest_twisted

from isoproxy.local.runtime.facts import CannotRun, Exit, Program
from isoproxy.local.runtime.process import ProcessRuntime
from test.local.runtime.support import (
    DAEMON,
    Observer,
    daemonized,
    eventually,
    make_runtime,
    marked,
    pod_id,
    python,
    run,
    the_reactor,
)

SLEEP = ("sleep", "1000")
IGNORE_TERM = python(
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(1000)"
)


def printed(runtime: ProcessRuntime, name: str = "pod", last: int | None = None) -> str:
    lines = runtime.logs.read("default", name, container="", tail_lines=last)
    return "".join(line.text.decode() + "\n" for line in lines)


@pytest_twisted.ensureDeferred
async def test_a_program_runs_in_a_session_an_address_and_an_empty_folder_of_its_own(runtime: ProcessRuntime) -> None:
    code = "import os; print(os.getsid(0) == os.getpgid(0) == os.getpid(), os.listdir(), os.getcwd())"
    observer = await run(runtime, pod_id(), *python(code))
    await eventually(lambda: observer.exits)
    sandbox = await runtime.create(pod_id())
    assert printed(runtime) == f"True [] {sandbox.environment['HOME']}\n"
    assert sandbox.ip.startswith("127.")


@pytest_twisted.ensureDeferred
async def test_nothing_of_our_own_environment_reaches_a_program(
    runtime: ProcessRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of the user's shell")
    observer = await run(runtime, pod_id(), "env", MINE="1")
    await eventually(lambda: observer.exits)
    names = {line.partition("=")[0] for line in printed(runtime).splitlines()}
    assert names == {"PATH", "LANG", "HOME", "TMPDIR", "POD_IP", "POD_NAME", "MINE"}


@pytest_twisted.ensureDeferred
async def test_a_program_holds_no_descriptors_but_the_three(runtime: ProcessRuntime) -> None:
    observer = await run(runtime, pod_id(), "ls", "/proc/self/fd")
    await eventually(lambda: observer.exits)
    assert printed(runtime).split() == ["0", "1", "2", "3"]  # the last is ls's own


@pytest_twisted.ensureDeferred
async def test_a_program_has_all_signals_at_their_defaults(runtime: ProcessRuntime) -> None:
    observer = await run(runtime, pod_id(), "grep", "^Sig[BI]", "/proc/self/status")
    await eventually(lambda: observer.exits)
    standard = (1 << 31) - 1  # 32 and 33 are the C library's own
    assert {int(line.split()[1], 16) & standard for line in printed(runtime).splitlines()} == {0}


@pytest_twisted.ensureDeferred
async def test_exits_are_told_in_a_kubelets_words(runtime: ProcessRuntime) -> None:
    ends = {
        "exit 0": Exit(0, 0, "Completed"),
        "exit 3": Exit(3, 0, "Error"),
        "kill -9 $$": Exit(137, 9, "Error"),
    }
    observers = {how: await run(runtime, pod_id(f"pod-{n}"), "sh", "-c", how) for n, how in enumerate(ends)}
    await eventually(lambda: all(observer.exits for observer in observers.values()))
    assert {how: observer.exits[0] for how, observer in observers.items()} == ends


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["no-such-program"], '"no-such-program" was not found on PATH'),
        (["/no/such/program"], '"/no/such/program" does not exist'),
        (["/etc/passwd"], "Permission denied"),
        ([""], "was not found on PATH"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_command_that_cannot_be_run_is_named(runtime: ProcessRuntime, argv: list[str], words: str) -> None:
    observer = await run(runtime, pod_id(), *argv)
    await eventually(lambda: observer.exits)
    assert observer.pids == []
    assert (observer.exits[0].code, observer.exits[0].reason) == (128, "StartError")
    assert words in observer.exits[0].message


@pytest_twisted.ensureDeferred
async def test_the_working_directory_is_honoured_or_named(runtime: ProcessRuntime) -> None:
    here, nowhere = Observer(), Observer()
    environment = (await runtime.create(pod_id("here"))).environment
    await runtime.create(pod_id("nowhere"))
    runtime.run(pod_id("here"), Program(("pwd",), environment, "/usr"), here)
    runtime.run(pod_id("nowhere"), Program(("pwd",), environment, "/nowhere"), nowhere)
    await eventually(lambda: here.exits and nowhere.exits)
    assert printed(runtime, "here") == "/usr\n"
    assert nowhere.exits[0].message == 'the working directory "/nowhere" does not exist'


@pytest_twisted.ensureDeferred
async def test_a_program_that_ignores_sigterm_is_killed_after_its_grace(runtime: ProcessRuntime) -> None:
    observer = await run(runtime, pod_id(), *IGNORE_TERM)
    await eventually(lambda: printed(runtime))
    began = the_reactor().seconds()
    runtime.terminate(pod_id(), 0.3)
    await eventually(lambda: observer.exits)
    assert observer.exits == [Exit(137, 9, "Error")]
    assert the_reactor().seconds() - began >= 0.3


@pytest_twisted.ensureDeferred
async def test_a_shorter_grace_wins_over_a_longer_one(runtime: ProcessRuntime) -> None:
    observer = await run(runtime, pod_id(), *IGNORE_TERM)
    await eventually(lambda: printed(runtime))
    runtime.terminate(pod_id(), 1000.0)
    runtime.terminate(pod_id(), 0.0)
    await eventually(lambda: observer.exits)


@pytest_twisted.ensureDeferred
async def test_a_sigterm_right_behind_the_start_is_not_lost(runtime: ProcessRuntime) -> None:
    observers = []
    for number in range(20):
        pod = pod_id(f"pod-{number}")
        observers.append(await run(runtime, pod, *SLEEP))
        runtime.terminate(pod, 1000.0)
    await eventually(lambda: all(observer.exits for observer in observers))
    assert {observer.exits[0] for observer in observers} == {Exit(143, 15, "Error")}


@pytest_twisted.ensureDeferred
async def test_what_a_program_leaves_behind_is_killed_before_its_end_is_told(runtime: ProcessRuntime) -> None:
    observer = await run(runtime, pod_id(), *python(DAEMON + "print('up', flush=True); time.sleep(1000)"), MARK="left")
    await eventually(lambda: observer.pids and daemonized("left"))
    os.kill(observer.pids[0], 9)
    await eventually(lambda: observer.exits)
    assert marked("left") == []


@pytest_twisted.ensureDeferred
async def test_a_daemon_stays_with_its_own_pod_when_another_ends(runtime: ProcessRuntime) -> None:
    staying = await run(runtime, pod_id("a"), *python(DAEMON + "time.sleep(1000)"), MARK="stays")
    await eventually(lambda: daemonized("stays"))
    leaving = await run(runtime, pod_id("b"), "true")
    await eventually(lambda: leaving.exits)
    assert len(marked("stays")) == 2
    assert staying.exits == []


@pytest_twisted.ensureDeferred
async def test_a_program_that_makes_itself_a_daemon_has_ended(runtime: ProcessRuntime) -> None:
    observer = await run(runtime, pod_id(), *python(DAEMON), MARK="daemon")
    await eventually(lambda: observer.exits)
    assert observer.exits == [Exit(0, 0, "Completed")]
    assert marked("daemon") == []


@pytest_twisted.ensureDeferred
async def test_no_program_can_gain_rights_that_would_protect_it_from_us(runtime: ProcessRuntime) -> None:
    observer = await run(runtime, pod_id(), "grep", "NoNewPrivs", "/proc/self/status")
    await eventually(lambda: observer.exits)
    assert printed(runtime).split() == ["NoNewPrivs:", "1"]


@pytest_twisted.ensureDeferred
async def test_a_finished_pod_leaves_its_output_and_nothing_else(runtime: ProcessRuntime) -> None:
    observer = await run(runtime, pod_id(), "sh", "-c", "mkdir -p a/b; touch a/b/c; chmod 0 a; echo done")
    home = (await runtime.create(pod_id())).environment["HOME"]
    await eventually(lambda: observer.exits)
    await eventually(lambda: exists(home))
    runtime.finish(pod_id())
    await eventually(lambda: not exists(home))
    assert printed(runtime) == "done\n"
    runtime.forget(pod_id())
    with pytest.raises(KeyError):
        printed(runtime)


@pytest_twisted.ensureDeferred
async def test_a_flood_of_output_keeps_its_end_and_is_held_back(base: Path) -> None:
    runtime = make_runtime(base, output_size=10_000)
    await runtime.start()
    flood = "import sys\nfor n in range(200_000): sys.stdout.write(f'{n:010}\\n')\n"
    observer = await run(runtime, pod_id(), *python(flood))
    await eventually(lambda: observer.exits)
    kept = printed(runtime)
    lines = kept.splitlines()
    assert 9_000 < len(kept) <= 10_000
    assert lines == [f"{n:010}" for n in range(200_000 - len(lines), 200_000)]
    assert printed(runtime, last=2) == "0000199998\n0000199999\n"
    await runtime.stop(0.0)


@pytest_twisted.ensureDeferred
async def test_output_can_be_followed_to_its_end(runtime: ProcessRuntime) -> None:
    await run(runtime, pod_id(), "sh", "-c", "for n in 1 2 3; do echo $n; sleep 0.05; done >&2")
    heard: list[str] = []
    runtime.logs.follow(
        "default",
        "pod",
        container="",
        on_line=lambda line: heard.append(line.text.decode()),
        on_end=lambda: heard.append("the end"),
    )
    await eventually(lambda: "the end" in heard)
    assert heard == ["1", "2", "3", "the end"]


@pytest_twisted.ensureDeferred
async def test_a_command_beside_the_program_runs_as_it_does(runtime: ProcessRuntime) -> None:
    await run(runtime, pod_id(), *SLEEP, WORD="5")
    assert await runtime.execute(pod_id(), ("sh", "-c", "exit $WORD"), 10.0) == 5
    with pytest.raises(CannotRun, match="was not found on PATH"):
        await runtime.execute(pod_id(), ("no-such-program",), 10.0)
    with pytest.raises(CannotRun, match=r"no result within 0\.1 s"):
        await runtime.execute(pod_id(), SLEEP, 0.1)
    with pytest.raises(CannotRun, match="not running"):
        await runtime.execute(pod_id("other"), ("true",), 10.0)


@pytest_twisted.ensureDeferred
async def test_a_pod_is_seen_to_listen_without_being_connected_to(runtime: ProcessRuntime) -> None:
    serve_one = """
import os, socket
with socket.create_server((os.environ["POD_IP"], 8080)) as server:
    print(server.accept()[0].recv(100).decode())
"""
    observer = await run(runtime, pod_id(), *python(serve_one))
    seen: list[str] = []
    await eventually(lambda: observer.pids)
    runtime.when_listening(pod_id(), 8080, lambda: seen.append("listening"), lambda error: seen.append(str(error)))
    await eventually(lambda: seen)
    assert seen == ["listening"]
    assert observer.exits == []  # it still waits for the one connection that it serves
    sandbox = await runtime.create(pod_id())
    with socket.create_connection((sandbox.ip, 8080)) as client:
        client.sendall(b"ours")
    await eventually(lambda: observer.exits)
    assert printed(runtime) == "ours\n"


@pytest_twisted.ensureDeferred
async def test_addresses_are_unique_and_come_back_at_last(base: Path) -> None:
    runtime = make_runtime(base)
    await runtime.start()
    ips = [(await runtime.create(pod_id(f"pod-{number}"))).ip for number in range(50)]
    assert len(set(ips)) == 50
    runtime.forget(pod_id("pod-0"))
    assert (await runtime.create(pod_id("pod-0"))).ip not in ips
    await runtime.stop(0.0)
