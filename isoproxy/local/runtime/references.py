"""Fetches what a pod's variables take from Secrets and ConfigMaps."""

import base64
import binascii
from collections.abc import Iterable

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import KubeError, NotFound
from isoproxy.kube.resources import CONFIG_MAPS, Json, Resource
from isoproxy.local.runtime.environment import Reference
from isoproxy.local.runtime.facts import CONFIG_ERROR, CannotRun

SECRETS = Resource("", "v1", "secrets", "Secret")
_KINDS = {"Secret": SECRETS, "ConfigMap": CONFIG_MAPS}
_WITHIN = 10.0  # seconds for each object


async def fetch(
    api: KubeApi, clock: IReactorTime, namespace: str, references: Iterable[Reference]
) -> dict[Reference, str | None]:
    """The values referred to, None for what is optional and not there. Raises CannotRun."""
    objects: dict[tuple[str, str], Json] = {}
    values: dict[Reference, str | None] = {}
    for reference in references:
        which = (reference.kind, reference.name)
        if which not in objects:
            objects[which] = await _get(api, clock, namespace, reference)
        values[reference] = _value(objects[which], reference)
    return values


async def _get(api: KubeApi, clock: IReactorTime, namespace: str, reference: Reference) -> Json:
    call = Deferred.fromCoroutine(api.get(_KINDS[reference.kind], reference.name, namespace=namespace))
    try:
        return await call.addTimeout(_WITHIN, clock)
    except NotFound:
        return {}
    except (KubeError, TimeoutError) as error:
        raise CannotRun(CONFIG_ERROR, f"{reference.kind} {reference.name!r} cannot be read: {error}") from error


def _value(obj: Json, reference: Reference) -> str | None:
    where = f"{reference.kind} {reference.name!r}"
    data = obj.get("data") or {}
    if reference.key not in data:
        if reference.optional:
            return None
        what = f"has no key {reference.key!r}" if obj else "does not exist"
        raise CannotRun(CONFIG_ERROR, f"{where} {what}")
    if reference.kind == "ConfigMap":
        return str(data[reference.key])
    try:
        return base64.b64decode(data[reference.key], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise CannotRun(CONFIG_ERROR, f"{where}: the value of {reference.key!r} is no text") from None
