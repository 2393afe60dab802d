"""Requests that many tests make."""

from typing import Any

from twisted.internet.defer import Deferred

from isoproxy.kube.api import KubeApi
from isoproxy.kube.resources import ISOLATION_PODS, Json

POD: Json = {"metadata": {"name": "a", "namespace": "x", "uid": "u", "resourceVersion": "7"}}


def started(coroutine: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(coroutine)


async def read(client: KubeApi) -> Json:
    return await client.get(ISOLATION_PODS, "a", namespace="x")


async def write(client: KubeApi, verb: str) -> None:
    if verb == "create":
        await client.create(ISOLATION_PODS, POD, namespace="x")
    elif verb == "patch":
        await client.patch(ISOLATION_PODS, "a", {}, namespace="x")
    else:
        await client.delete(ISOLATION_PODS, "a", namespace="x")
