"""Events to play with: a real server keeps no cache of them, so that it forgets them as soon as its etcd does."""

from isoproxy.kube.resources import Json


def event(name: str, namespace: str) -> Json:
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name},
        "eventTime": "2024-01-01T00:00:00.000000Z",
        "reportingController": "isoproxy.example/contract",
        "reportingInstance": "i-1",
        "action": "Trying",
        "reason": "Tried",
        "type": "Normal",
        "note": "it works",
        "regarding": {"apiVersion": "v1", "kind": "ConfigMap", "name": "m", "namespace": namespace},
    }
