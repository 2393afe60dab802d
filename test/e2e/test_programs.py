"""Programs that nobody wrote for isoproxy, and their own clients."""

import subprocess
from collections.abc import Iterator

import pytest

from test.e2e.grounds import Ground, Whole
from test.running.clients import Address
from test.running.harness import example
from test.running.rediscli import redis_cli
from test.running.waiting import BOUND


@pytest.fixture(scope="module")
def machine(ground: Ground) -> Iterator[Whole]:
    with ground.whole() as machine:
        yield machine
        machine.stop()


@pytest.fixture(scope="module")
def redis(machine: Whole) -> Address:
    machine.serve(example("redis"))
    (address,) = machine.api.endpoints("redis")
    machine.api.wait_for_base("redis", 3)
    return address


@pytest.mark.needs_program("redis-server", "redis-cli")
def test_every_redis_client_has_an_empty_database_of_its_own(machine: Whole, redis: Address) -> None:
    with redis_cli(redis) as one, redis_cli(redis) as two:
        assert (one("DBSIZE"), two("DBSIZE")) == ("0", "0")
        assert one("SET mine first") == "OK"
        assert two("SET mine second") == "OK"
        assert two("SET other second") == "OK"
        assert (one("GET mine"), two("GET mine")) == ("first", "second")
        assert (one("DBSIZE"), two("DBSIZE")) == ("1", "2")
    with redis_cli(redis) as three:
        assert three("DBSIZE") == "0"
    assert machine.outcomes("redis", 3) == ["completed"] * 3
    machine.api.wait_for_base("redis", 3)


@pytest.mark.needs_program("redis-server", "redis-benchmark")
def test_redis_benchmark_runs_twenty_connections_to_the_end(machine: Whole, redis: Address) -> None:
    host, port = redis
    done = subprocess.run(
        ["redis-benchmark", "-h", host, "-p", str(port), "-c", "20", "-n", "4000", "-t", "set,get", "--csv"],
        check=False,
        capture_output=True,
        text=True,
        timeout=3 * BOUND,
    )
    assert done.returncode == 0, done
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ['"test"', '"SET"', '"GET"']
    machine.api.wait_for_base("redis", 3)
    pods = [entry["pod"] for entry in machine.ended("redis")]
    assert len(pods) >= 2 * 20
    assert len(set(pods)) == len(pods)


# A cluster would show nothing that Redis does not; and where there is no DNS this web server takes 10 s to start.
@pytest.mark.parametrize("ground", ["embedded"], indirect=True)
@pytest.mark.needs_program("curl")
def test_every_page_of_a_web_server_comes_from_a_pod_of_its_own(machine: Whole) -> None:
    manifest = example("http")
    machine.serve(manifest)
    ((host, port),) = machine.api.endpoints("http")
    machine.api.wait_for_base("http", manifest["spec"]["replicas"])
    command = ["curl", "--silent", "--show-error", "--fail", "--max-time", "20", f"http://{host}:{port}/"]
    pages = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    pods = [page.split()[5].rstrip(",") for page in pages]
    assert pages == [f"This page was served by {pod}, which nobody had used before.\n" for pod in pods]
    assert machine.outcomes("http", 2) == ["completed"] * 2
    assert pods == [entry["pod"] for entry in machine.ended("http")]
