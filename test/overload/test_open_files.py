"""More connections than a process may have files open by default."""

from contextlib import ExitStack, suppress

from test.overload.bystander import Bystander
from test.overload.effort import PATIENCE, open_many_files
from test.overload.seen import all_ended, wait_for_queue
from test.running.api import DEDIS, Api, Refused
from test.running.clients import connected
from test.running.harness import Local, dedicated_service, fetch
from test.running.waiting import eventually

DEFAULT = 256
MOST = 1024
CONNECTIONS = 400
FEW = 1024
TOO_MANY = 1200
VISITS = 5
LAST = "end\n"


def printed(api: Api, pod: str) -> str:
    """Return what a pod has printed, "" where it does not run yet."""
    try:
        return api.log(pod)
    except Refused:
        return ""


def test_a_process_opens_as_many_as_it_may_and_programs_get_the_limit_that_was_in_force() -> None:
    open_many_files()
    with Local(through=["prlimit", f"--nofile={DEFAULT}:{MOST}"]) as machine:
        api = machine.api
        program = ["sh", "-c", "ulimit -S -n; ulimit -H -n; echo end; exec sleep 1000"]
        api.create(DEDIS, dedicated_service("shown", [], command=program))
        (pod,) = eventually(lambda: api.pods("shown"), "a pod", within=PATIENCE)
        name = pod["metadata"]["name"]
        eventually(lambda: printed(api, name).endswith(LAST), "what a program may open", within=PATIENCE)
        assert printed(api, name).split()[:2] == [str(DEFAULT), str(MOST)]

        (address,) = api.endpoints("shown")
        with ExitStack() as clients:
            for _ in range(CONNECTIONS):
                clients.enter_context(connected(address))
            wait_for_queue(machine, "shown", CONNECTIONS)
        assert all_ended(machine, "shown", CONNECTIONS) == {"client_gone": CONNECTIONS}
        machine.stop()


def test_a_long_queue_leaves_files_to_those_who_find_a_pod() -> None:
    open_many_files()
    with Local(through=["prlimit", f"--nofile={FEW}:{FEW}"]) as machine:
        api = machine.api
        calm = Bystander(machine, api)
        api.create(DEDIS, dedicated_service("long", ["who"], replicas=0, maxPods=1, queue={"maxLength": TOO_MANY}))
        (address,) = api.endpoints("long")
        with ExitStack() as clients:
            for _ in range(TOO_MANY):
                with suppress(ConnectionResetError):  # turned away before it knew that it was connected
                    clients.enter_context(connected(address))
            for _ in range(VISITS):
                calm.visit()
                assert fetch(machine.metrics_address(), "/healthz") == (200, "ok\n")
        ended = all_ended(machine, "long", TOO_MANY)
        assert ended["queue_full"] > 0
        assert ended["error"] == ended["dial_failed"] == 0
        calm.check()
        machine.stop()
