"""Labels and annotations that users have put on pods: anything but what is ours."""

from typing import Any

import pytest

from isoproxy.model import manifests, ownership, proxies
from isoproxy.model.dedicatedservice import DedicatedService, InvalidService, parse_service
from isoproxy.model.parsing import Json
from isoproxy.model.proxies import ProxyImage
from test.model.test_manifests import record, service

OF = service()
POD = manifests.pod(OF, record(OF))["metadata"]["labels"]
PROXY = proxies.deployment(OF, ProxyImage("isoproxy:1"))["spec"]["template"]["metadata"]["labels"]


def parsed(**spec: Any) -> DedicatedService | InvalidService:
    return parse_service({"metadata": {"name": "s", "uid": "u"}, "spec": {"image": "i"} | spec})


def problem(**spec: Any) -> str:
    found = parsed(**spec)
    assert isinstance(found, InvalidService)
    return found.problem


@pytest.mark.parametrize("key", sorted(POD.keys() | PROXY.keys()))
def test_no_label_of_ours_is_theirs_to_choose_on_either_sort_of_pod(key: str) -> None:
    assert problem(podLabels={"team": "a", key: "b"}) == f"spec.podLabels: {key} is the operator's own"
    assert problem(proxy={"podLabels": {key: "b"}}) == f"spec.proxy.podLabels: {key} is the operator's own"


@pytest.mark.parametrize("field", ["podLabels", "podAnnotations"])
def test_nor_is_anything_of_our_group(field: str) -> None:
    assert problem(**{field: {"soh.re/anything": ""}}) == f"spec.{field}: soh.re/anything is the operator's own"
    said = problem(proxy={field: {"soh.re/anything": ""}})
    assert said == f"spec.proxy.{field}: soh.re/anything is the operator's own"


@pytest.mark.parametrize("key", ["team", "app.kubernetes.io/part-of", "sidecar.istio.io/inject", "soh.re"])
def test_everything_else_is(key: str) -> None:
    asked: Json = {"podLabels": {key: "v"}, "podAnnotations": {key: "v"}}
    found = parsed(**asked, proxy=asked)
    assert isinstance(found, DedicatedService)
    assert found.spec.pod_labels == found.spec.proxy.pod_annotations == {key: "v"}


def test_an_annotation_may_be_called_as_our_labels_for_people_are() -> None:
    assert isinstance(parsed(podAnnotations=ownership.labels_for_people(OF)), DedicatedService)
