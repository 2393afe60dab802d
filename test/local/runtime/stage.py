"""An agent on a clock: a runtime in which nothing runs, an API server in memory."""

from datetime import UTC, datetime
from typing import Any

from twisted.internet.task import Clock

from isoproxy.kube.errors import NotSent
from isoproxy.local.runtime.node import NodeAgent
from isoproxy.model.parsing import parse
from isoproxy.model.pod import Pod
from test.local.runtime.fakeapi import FakeApi
from test.local.runtime.fakeruntime import FakeRuntime

SERVER = {"command": ["serve"], "ports": [{"containerPort": 8080}]}


class Stage:
    """An agent on a clock."""

    def __init__(self, *, missing: str = "", **options: Any) -> None:
        """`missing`: the plural of a kind that the API server does not serve."""
        self.clock = Clock()
        self.api = FakeApi()
        self.api.fail = lambda verb, plural: NotSent("away") if plural == missing else None
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
        self.api.add_pod(name, SERVER, **spec)
        self.pass_time(0.0)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.clock.pump([0.0, 0.0])  # for what was put off until right afterwards

    def calls(self, *names: str) -> list[tuple[object, ...]]:
        """What was asked of the runtime, of these kinds, since the last time that we looked."""
        calls, self.runtime.calls = self.runtime.calls, []
        return [call for call in calls if call[0] in names]

    @property
    def running(self) -> set[str]:
        return set(self.runtime.observers)

    def container(self, name: str = "pod") -> Any:
        return self.api.pod(name)["status"]["containerStatuses"][0]

    def is_ready(self, name: str = "pod") -> bool:
        return parse(Pod, self.api.pod(name)).ready

    def phase(self, name: str = "pod") -> Any:
        return self.api.pod(name)["status"]["phase"]
