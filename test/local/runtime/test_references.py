"""Values out of Secrets and ConfigMaps."""

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from isoproxy.kube.errors import Forbidden, NotSent
from isoproxy.kube.resources import CONFIG_MAPS
from isoproxy.local.runtime.environment import Reference
from isoproxy.local.runtime.facts import CannotRun
from isoproxy.local.runtime.references import SECRETS, fetch
from test.faults import HANGS
from test.local.runtime.user import User
from test.memoryapi import MemoryApi

SECRET = Reference("Secret", "s", "word", False)
CONFIG = Reference("ConfigMap", "c", "word", False)


@pytest.fixture(autouse=True)
def filled(user: User) -> None:
    user.create(SECRETS, {"metadata": {"name": "s"}, "data": {"word": "c2VjcmV0", "bytes": "/w=="}})
    item = user.get(SECRETS, "s")
    user.force(SECRETS, item | {"data": item["data"] | {"broken": "?"}})
    user.create(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"word": "config"}})
    user.create(CONFIG_MAPS, {"metadata": {"name": "empty"}})


@pytest_twisted.ensureDeferred
async def test_each_object_is_fetched_once(api: MemoryApi) -> None:
    optional = Reference("Secret", "s", "none", True)
    absent = Reference("ConfigMap", "none", "word", True)
    values = await fetch(api, Clock(), "default", [SECRET, CONFIG, optional, absent])
    assert values == {SECRET: "secret", CONFIG: "config", optional: None, absent: None}
    assert [plural for _, plural, _ in api.requests] == ["secrets", "configmaps", "configmaps"]


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (Reference("Secret", "none", "word", False), "Secret 'none' does not exist"),
        (Reference("Secret", "s", "none", False), "Secret 's' has no key 'none'"),
        (Reference("ConfigMap", "empty", "word", False), "ConfigMap 'empty' has no key 'word'"),
        (Reference("Secret", "s", "bytes", False), "the value of 'bytes' is no text"),
        (Reference("Secret", "s", "broken", False), "the value of 'broken' is no text"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_is_missing_is_named(api: MemoryApi, reference: Reference, words: str) -> None:
    with pytest.raises(CannotRun, match=words) as refusal:
        await fetch(api, Clock(), "default", [reference])
    assert refusal.value.reason == "CreateContainerConfigError"


@pytest.mark.parametrize("error", [Forbidden(403), NotSent("away")])
@pytest_twisted.ensureDeferred
async def test_what_may_not_or_cannot_be_read_is_named(api: MemoryApi, error: Forbidden | NotSent) -> None:
    api.faults.down = error
    with pytest.raises(CannotRun, match="Secret 's' cannot be read"):
        await fetch(api, Clock(), "default", [SECRET])


def test_it_does_not_wait_for_ever(api: MemoryApi) -> None:
    api.faults.order(HANGS, "get")
    clock = Clock()
    reasons: list[str] = []
    fetching = Deferred.fromCoroutine(fetch(api, clock, "default", [SECRET]))

    def refused(failure: Failure) -> None:
        assert isinstance(failure.value, CannotRun)
        reasons.append(failure.value.reason)

    fetching.addCallbacks(lambda _: None, refused)
    clock.advance(60.0)
    assert reasons == ["CreateContainerConfigError"]
