"""A second service of the same process, visited now and then: its clients are to notice nothing of an overload."""

from test.overload.effort import PATIENCE
from test.running.api import DEDIS, Api, names
from test.running.clients import who_serves
from test.running.harness import Isoproxy, dedicated_service
from test.running.waiting import eventually

NAME = "calm"
POOL = 2


class Bystander:
    """The service, and those who visit it one after the other."""

    def __init__(self, process: Isoproxy, api: Api) -> None:
        """``process`` has its proxy."""
        self._process = process
        self._api = api
        api.create(DEDIS, dedicated_service(NAME, ["who"], replicas=POOL))
        api.wait_for_base(NAME, POOL, within=PATIENCE)
        (self._address,) = api.endpoints(NAME)
        self.visits = 0

    def visit(self) -> None:
        """Let one more client come, once the pool has got over the one before: it must be served by a pod that was
        assigned before it came, and that nobody has had."""
        eventually(self._is_warm, f"a warm pod of {NAME}", within=PATIENCE)
        assigned = names([record for record in self._api.records(NAME) if record["spec"].get("proxy")])
        pod, number = who_serves(self._address)
        assert number == 1, "a pod that served a second connection"
        assert pod in assigned, "a visitor who had to wait for a pod"
        self.visits += 1

    def check(self) -> None:
        """Fail if any of its visitors was not served to the end."""
        ended = self._process.outcomes(NAME, self.visits, within=PATIENCE)
        assert ended == ["completed"] * self.visits, ended

    def _is_warm(self) -> bool:
        return self._process.metric("isoproxy_stock", service=NAME) >= 1
