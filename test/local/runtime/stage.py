"""An agent on a clock: a runtime in which nothing runs, an API server in memory."""

from datetime import UTC, datetime
from typing import Any

from twisted.internet.task import Clock

from isoproxy.kube.errors import KubeError, NotSent
from isoproxy.kube.resources import Json, Resource
from isoproxy.local.runtime.node import NodeAgent
from isoproxy.model.parsing import parse
from isoproxy.model.pod import Pod
from test.local.runtime.fakeruntime import FakeRuntime
from test.local.runtime.user import User
from test.memoryapi import MemoryApi, make_core

SERVER = {"command": ["serve"], "ports": [{"containerPort": 8080}]}


class Stage:
    """An agent on a clock."""

    def __init__(self, *, missing: str = "", **options: Any) -> None:
        """`missing`: the plural of a kind that the API server does not serve."""
        self.clock = Clock()
        core = make_core(self.clock)
        self.user = User(core, self.clock)
        self.api = MemoryApi(core, self.clock)
        if missing:
            self.fail(NotSent("away"), plural=missing)
        self.runtime = FakeRuntime()
        self.agent = NodeAgent(
            self.api,
            self.runtime,
            self.clock,
            now=lambda: datetime.fromtimestamp(self.clock.seconds(), UTC),
            jitter=lambda: 0.5,
            **options,
        )
        self.agent.start()

    def add(self, name: str = "pod", **spec: Any) -> None:
        self.user.add_pod(name, SERVER, **spec)
        self.pass_time(0.0)

    def delete(self, name: str = "pod", grace: int = 30) -> None:
        self.user.delete_pod(name, grace)
        self.pass_time(0.0)

    def fail(self, error: KubeError, *, verb: str = "", plural: str = "") -> None:
        """Let the agent's requests of a verb, or about a kind, fail from now on."""

        def before(asked: str, resource: Resource, name: str) -> None:
            if asked == verb or resource.plural == plural:
                raise error

        self.api.before = before

    def recover(self) -> None:
        """Let no request fail any more."""
        self.api.before = lambda verb, resource, name: None

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.clock.pump([0.0, 0.0])  # for what was put off until right afterwards

    def calls(self, *names: str) -> list[tuple[object, ...]]:
        """What was asked of the runtime, of these kinds, since the last time that we looked."""
        calls, self.runtime.calls = self.runtime.calls, []
        return [call for call in calls if call[0] in names]

    def statuses(self) -> list[Json]:
        """What was written to Pods, oldest first."""
        found = [patch.get("status", {}) for patch in self.api.patches]
        return [status for status in found if "containerStatuses" in status]

    @property
    def running(self) -> set[str]:
        return set(self.runtime.observers)

    def container(self, name: str = "pod") -> Any:
        return self.user.pod(name)["status"]["containerStatuses"][0]

    def is_ready(self, name: str = "pod") -> bool:
        return parse(Pod, self.user.pod(name)).ready

    def phase(self, name: str = "pod") -> Any:
        return self.user.pod(name)["status"]["phase"]
