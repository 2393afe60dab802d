"""What is kept of Pods, IsolationPods and Leases: all that is read of them, however large tenants make them."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from twisted.internet.task import Clock

from isoproxy.kube.resources import ISOLATION_PODS, LEASES, NAMESPACES, PODS, Json, Resource
from isoproxy.model import manifests, names
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import parse
from isoproxy.model.pod import Pod
from isoproxy.model.proxies import ProxyImage
from isoproxy.model.proxylease import ProxyLease, lease_manifest
from isoproxy.operator import belonging, kept
from isoproxy.operator.cluster import Cluster
from test.memoryapi import MemoryApi, at_once, make_core
from test.operator.builders import SERVICE, SERVICE_UID, service

MOST = 8_000
"""Characters of all that is kept of one object here."""
LARGE: Json = {
    "labels": {f"example.com/l{number}": "x" * 60 for number in range(1_000)},
    "annotations": {"example.com/large": "x" * 100_000, "soh.re/other": "x" * 100_000},
}


def record() -> Json:
    return manifests.isolation_pod(service(), f"{SERVICE}-a")


def pod() -> Json:
    made = record()
    return manifests.pod(service(), parse(IsolationPod, made | {"metadata": made["metadata"] | {"uid": "u"}}))


def proxy_pod() -> Json:
    labels = {names.LABEL_SERVICE_UID: SERVICE_UID, names.LABEL_ROLE: names.ROLE_PROXY}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{SERVICE}-proxy-1", "uid": "r"}
    spec = {"containers": [{"name": "c", "image": "i"}]}
    return {"metadata": {"name": f"{SERVICE}-proxy-1-a", "labels": labels, "ownerReferences": [owner]}, "spec": spec}


def lease(**annotations: str) -> Json:
    return lease_manifest(service_name=SERVICE, service_uid=SERVICE_UID, instance="p", annotations=annotations)


def enlarged(obj: Json) -> Json:
    """The object as a tenant may write it."""
    meta = obj["metadata"]
    others = [{"apiVersion": "v1", "kind": "Node", "name": "n" * 250, "uid": f"{n}-{'u' * 1000}"} for n in range(100)]
    return obj | {
        "metadata": meta
        | {key: LARGE[key] | meta.get(key, {}) for key in LARGE}
        | {"ownerReferences": others + meta.get("ownerReferences", [])}
    }


def size(seen: Any) -> int:
    return len(str(asdict(seen)))


class Seen:
    """A cluster in which somebody makes objects that the operator looks at."""

    def __init__(self) -> None:
        clock = Clock()
        self.api = MemoryApi(make_core(clock), clock)
        self.api.collects = False
        at_once(self.api.create(NAMESPACES, {"metadata": {"name": "games"}}))
        self.cluster = Cluster(
            api=self.api,
            clock=clock,
            namespaces=(),
            proxy_image=ProxyImage("proxy:1"),
            on_change=lambda uids: None,
            jitter=lambda: 0.5,
        )
        self.clock = clock

    def make(self, resource: Resource, obj: Json) -> Json:
        made: Json = at_once(self.api.create(resource, obj, namespace="games"))
        return made

    def everything(self) -> list[Any]:
        cluster = self.cluster
        kinds = (cluster.records, cluster.pods, cluster.proxy_pods, cluster.leases)
        return [seen for kind in kinds for seen in kind.of(SERVICE_UID, 0.0)]


def test_no_more_than_a_little_is_kept_of_what_is_seen() -> None:
    made = Seen()
    for resource, obj in ((ISOLATION_PODS, record()), (PODS, pod()), (PODS, proxy_pod()), (LEASES, lease())):
        made.make(resource, enlarged(obj))
    holder = "x" * 1_000_000
    somebodys = lease() | {"spec": {"holderIdentity": holder}}
    somebodys["metadata"]["name"] = "somebodys"
    made.make(LEASES, somebodys)
    made.cluster.start()
    made.clock.pump([0.1] * 10)
    assert len(made.everything()) == 5
    assert max(map(size, made.everything())) < MOST
    made.cluster.stop()


def test_no_more_is_kept_of_what_a_write_answers() -> None:
    made = Seen()
    made.cluster.records.wrote(parse(IsolationPod, made.make(ISOLATION_PODS, enlarged(record()))), 0.0)
    made.cluster.pods.wrote(parse(Pod, made.make(PODS, enlarged(pod()))), 0.0)
    assert len(made.everything()) == 2
    assert max(map(size, made.everything())) < MOST


def test_an_isolation_pod_reads_as_it_did() -> None:
    said = enlarged(record())
    said["metadata"]["annotations"] |= {names.ANNOTATION_RECALL: "now"}
    whole = parse(IsolationPod, said)
    seen = kept.record(whole)
    assert (seen.recalled, seen.template) == (True, whole.template)
    assert seen.template != ""
    assert seen.metadata.service_uid == SERVICE_UID
    assert belonging.made_for(seen.metadata, SERVICE_UID)
    assert replace(seen, metadata=whole.metadata) == whole


def test_a_pod_reads_as_it_did() -> None:
    whole = parse(Pod, enlarged(pod()))
    seen = kept.pod(whole)
    assert (seen.isolated, seen.metadata.owner_uid("IsolationPod")) == (True, "u")
    assert seen.metadata.labels[names.LABEL_SERVICE] == SERVICE
    assert replace(seen, metadata=whole.metadata) == whole


def test_a_proxys_pod_is_told_as_it_was() -> None:
    of = replace(service().metadata, namespace="")
    assert len(belonging.proxy_pods(of, [kept.proxy_pod(parse(Pod, enlarged(proxy_pod())))])) == 1


WORDS = ("queued", "held", "claimed", "grace_seconds", "draining", "ended", "listen", "listen_error")


@pytest.mark.parametrize("value", ["", "7", "a:1", "9" * 9, "0" * 10, "x" * 256, "x" * 280, "x " * 256, " " * 513])
@pytest.mark.parametrize("more", ["", " ", "x", "x" * 100_000, " " * 100_000])
def test_a_lease_reads_as_it_did(value: str, more: str) -> None:
    said = lease(**{f"soh.re/{word.replace('_', '-')}": value + more for word in WORDS})
    whole = parse(ProxyLease, enlarged(said))
    seen = kept.lease(whole)
    assert seen.well_formed
    for word in (*WORDS, "instance", "service_name", "well_formed"):
        assert getattr(seen, word) == getattr(whole, word), word


def test_a_lease_that_says_nothing_reads_as_it_did() -> None:
    seen = kept.lease(parse(ProxyLease, enlarged(lease())))
    assert (seen.draining, seen.ended, seen.listen, seen.queued) == (False, False, "", 0)
