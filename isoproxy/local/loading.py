"""Creates the manifests of a local start, one by one, through the API like anybody else."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import AlreadyExists, ApiError
from isoproxy.kube.resources import CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS, DEDICATED_SERVICES, NAMESPACES, Resource
from isoproxy.local.documents import Document
from isoproxy.model import crds
from isoproxy.model.text import one_line

SECRETS: Final = Resource("", "v1", "secrets", "Secret")
_LOADABLE = {
    (resource.api_version, resource.kind): resource
    for resource in (DEDICATED_SERVICES, CONFIG_MAPS, SECRETS, NAMESPACES)
}


async def install_definitions(api: KubeApi) -> None:
    """Create our CustomResourceDefinitions."""
    for manifest in crds.load():
        await api.create(CUSTOM_RESOURCE_DEFINITIONS, manifest)


async def load(api: KubeApi, documents: Iterable[Document]) -> list[str]:
    """Create the objects of ``documents``; returns one line for each that was refused, naming its place and field."""
    problems = []
    for document in documents:
        resource = _LOADABLE.get((document.manifest["apiVersion"], document.manifest["kind"]))
        if resource is None:
            kinds = ", ".join(kind for _, kind in _LOADABLE)
            problems.append(f"{document}: cannot be loaded at the start ({kinds} can); use kubectl apply")
            continue
        try:
            await _create(api, resource, document)
        except ApiError as error:
            problems.append(f"{document}: {_reason(error)}")
    return problems


def _reason(error: ApiError) -> str:
    """Return what is wrong with a manifest, without what the API server says around it."""
    found = error.details.get("causes")
    causes = [
        f"{cause['field']}: {cause.get('message', '')}"
        for cause in (found if isinstance(found, list) else ())
        if isinstance(cause, dict) and cause.get("field") not in (None, "", "<nil>")
    ]
    return one_line("; ".join(causes)) or error.message.rpartition("strict decoding error: ")[2] or str(error)


async def _create(api: KubeApi, resource: Resource, document: Document) -> None:
    if not resource.namespaced:
        with suppress(AlreadyExists):
            await api.create(resource, document.manifest, strict=True)
        return
    namespace = document.manifest["metadata"].get("namespace") or "default"
    # On a cluster somebody has made the namespace before; here nobody else could have.
    with suppress(AlreadyExists):
        await api.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    await api.create(resource, document.manifest, namespace=namespace, strict=True)
