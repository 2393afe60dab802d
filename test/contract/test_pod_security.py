"""Isolated pods where the namespace enforces the Pod Security Standard restricted.

It is enforced by a real API server alone: the embedded one admits every pod.
"""

import pytest
import pytest_twisted

from isoproxy.kube.errors import Forbidden
from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS, NAMESPACES, PODS, Json
from isoproxy.model import manifests
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import parse
from test.contract.cluster import Space
from test.contract.conftest import LEVEL
from test.contract.ours import service
from test.contract.servers import KUBERNETES

pytestmark = [
    pytest.mark.usefixtures("definitions"),
    pytest.mark.parametrize(
        "cluster", [pytest.param(KUBERNETES, marks=pytest.mark.needs_cluster(LEVEL.value))], indirect=True
    ),
]

RESTRICTED: Json = {
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1000},
    "containerSecurityContext": {"capabilities": {"drop": ["ALL"]}},
}


async def made(space: Space, spec: Json) -> Json:
    """The Pod of a service, created as the operator does it, in a namespace that enforces the standard."""
    enforced = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    await space.client.patch(NAMESPACES, space.namespace, enforced)
    of = parse(DedicatedService, await space.create(DEDICATED_SERVICES, service(**spec), strict=True))
    record = await space.create(ISOLATION_PODS, manifests.isolation_pod(of, "shop-1"), strict=True)
    return await space.create(PODS, manifests.pod(of, parse(IsolationPod, record)), strict=True)


@pytest_twisted.ensureDeferred
async def test_a_service_that_asks_for_what_the_standard_demands_has_its_pods(space: Space) -> None:
    pod = await made(space, RESTRICTED)
    assert pod["spec"]["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        ("securityContext", "runAsNonRoot"),
        ("containerSecurityContext", "unrestricted capabilities"),
    ],
)
async def test_of_what_it_demands_we_leave_to_the_service_what_a_program_may_need(
    space: Space, left_out: str, words: str
) -> None:
    with pytest.raises(Forbidden, match=words):
        await made(space, {field: value for field, value in RESTRICTED.items() if field != left_out})
