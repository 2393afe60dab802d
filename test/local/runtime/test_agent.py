"""The agent as a node among others or alone, told as flat scripts."""

from isoproxy.kube.errors import Forbidden, NotSent
from isoproxy.local.runtime.node import NodeAgent
from test.local.runtime.stage import SERVER, Stage


def test_after_a_stop_nothing_is_left_to_do() -> None:
    stage = Stage(stop_grace=3.0)
    stage.add("runs")
    stage.add("waits", restartPolicy="Always")
    for _ in range(2):
        stage.runtime.end("waits", 1)
        stage.pass_time(0.1)
    stage.calls()
    stage.agent.stop()
    assert stage.calls("start", "stop", "terminate") == [("stop", 3.0)]
    stage.pass_time(0.0)
    assert stage.clock.getDelayedCalls() == []


def test_a_node_that_may_not_be_registered_runs_pods_all_the_same() -> None:
    stage = Stage()
    stage.fail(Forbidden(403), plural="nodes")
    again = NodeAgent(stage.api, stage.runtime, stage.clock, name="another")
    again.start()
    stage.user.add_pod("pod", SERVER, nodeName="another")
    stage.pass_time(0.0)
    assert stage.running == {"pod"}
    stage.agent.stop()
    again.stop()


def test_a_node_of_a_cluster_leaves_binding_to_the_scheduler() -> None:
    stage = Stage(name="one", in_cluster=True)
    stage.add("unbound")
    stage.add("elsewhere", nodeName="another")
    stage.add("here", nodeName="one")
    assert stage.running == {"here"}
    assert stage.api.count("create", "pods") == 0, "a binding is made"
    assert [watch.selector for watch in stage.api.watches] == ["spec.nodeName=one"]
    stage.agent.stop()


def test_a_pod_that_is_bound_where_there_is_no_room_yet_waits_and_is_shown_as_bound() -> None:
    stage = Stage(name="one", in_cluster=True, max_pods=1)
    stage.add("first", nodeName="one")
    stage.add("second", nodeName="one")
    assert stage.running == {"first"}
    conditions = {one["type"]: one["status"] for one in stage.user.pod("second")["status"]["conditions"]}
    assert (conditions["PodScheduled"], conditions["Ready"]) == ("True", "False")
    assert stage.container("second")["state"]["waiting"]["message"] == "1 pods run already"
    stage.runtime.end("first")
    stage.pass_time(0.0)
    assert stage.running == {"second"}
    stage.agent.stop()


def test_a_pod_that_is_deleted_while_it_waits_for_room_is_forgotten() -> None:
    stage = Stage(max_pods=1)
    stage.add("first")
    stage.fail(NotSent("away"), verb="patch")
    stage.add("second")
    stage.pass_time(1.0)
    stage.user.remove_pod("second")
    stage.pass_time(1.0)
    stage.recover()
    asked = stage.api.count("patch", "pods")
    stage.pass_time(60.0)
    assert stage.api.count("patch", "pods") == asked + 1, "of the first alone the state is written"
    assert stage.agent._writer._entries.keys() == {stage.user.pod("first")["metadata"]["uid"]}
    stage.agent.stop()


def test_an_agent_is_ready_when_it_is_registered_and_has_listed() -> None:
    ready: list[str] = []
    for missing in ("nodes", "leases", "pods"):
        stage = Stage(on_ready=lambda: ready.append("ready"), missing=missing)
        stage.pass_time(60.0)
        assert ready == [], missing
        stage.recover()
        stage.pass_time(60.0)
        assert ready == ["ready"]
        ready.clear()
        stage.agent.stop()
