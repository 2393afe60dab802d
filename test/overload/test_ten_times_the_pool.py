"""Ten times as many clients at once as there are warm pods, and kept up."""

from pathlib import Path

from test.overload.bystander import Bystander
from test.overload.crowd import Crowd
from test.overload.effort import PATIENCE, TIMES
from test.overload.seen import Writes, all_ended
from test.overload.split import split
from test.running.api import DEDIS
from test.running.harness import dedicated_service

POOL = 6
MOST_PODS = 12
MOST_WAITING = 30
CLIENTS = 10 * POOL
CONNECTIONS = 120 * TIMES
WRITES_EACH = 7


def test_the_queue_keeps_its_bound_and_nobody_is_lost_and_other_services_are_served_at_once(tmp_path: Path) -> None:
    with split(tmp_path) as parts:
        api, isoproxy = parts.api, parts.isoproxy
        queue = {"maxLength": MOST_WAITING, "timeoutSeconds": 600}
        api.create(DEDIS, dedicated_service("busy", ["who"], replicas=POOL, maxPods=MOST_PODS, queue=queue))
        calm = Bystander(isoproxy, api)
        api.wait_for_base("busy", POOL, within=PATIENCE)
        (address,) = api.endpoints("busy")
        crowd = Crowd(address, clients=CLIENTS, connections=CONNECTIONS)
        before = Writes.of(isoproxy)
        with crowd.coming():
            while not crowd.is_over:
                assert isoproxy.metric("isoproxy_queued", service="busy") <= MOST_WAITING
                assert len(api.pods("busy")) <= MOST_PODS
                calm.visit()
        ended = all_ended(isoproxy, "busy", len(crowd.served) + crowd.turned_away)
        assert ended == {"completed": len(crowd.served), "queue_full": crowd.turned_away}
        assert len(set(crowd.served)) == len(crowd.served)
        assert {number for _, number in crowd.served} == {1}
        calm.check()
        api.wait_for_base("busy", POOL, within=PATIENCE)

        made = Writes.of(isoproxy) - before
        print(f"{dict(ended)}, {calm.visits} visits beside it; in {made.seconds:.1f} s {dict(made.counted)}")
        # Nobody who is turned away costs a write; a pod too many costs less than one that is used.
        assert made.of_pods <= WRITES_EACH * (len(crowd.served) + calm.visits + 2 * MOST_PODS)
        made.check_pace(services=2)
