"""What every object that is made for a service says of where it belongs."""

from isoproxy.model import names
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.parsing import Json


def labels(service: DedicatedService) -> dict[str, str]:
    """Return the labels that all of a service's objects are found by."""
    return {names.LABEL_SERVICE: service.metadata.name, names.LABEL_SERVICE_UID: service.metadata.uid}


def labels_for_people(service: DedicatedService) -> dict[str, str]:
    """Return the usual labels, for people to select on: ours are for our own selectors."""
    return {names.LABEL_APP_NAME: service.metadata.name, names.LABEL_APP_MANAGED_BY: "isoproxy"}


def proxy_labels(service: DedicatedService) -> dict[str, str]:
    """Return the labels of what a service's proxies are made of."""
    return labels(service) | labels_for_people(service) | {names.LABEL_APP_COMPONENT: "proxy"}


def proxy_selector(service: DedicatedService) -> Json:
    """Return what selects the pods of a service's proxies, and of no other service of its name."""
    return {"matchLabels": {names.LABEL_SERVICE_UID: service.metadata.uid, names.LABEL_ROLE: names.ROLE_PROXY}}


def pod_selector(service: DedicatedService) -> Json:
    """Return what selects the isolated pods of a service."""
    return {"matchLabels": {names.LABEL_SERVICE_UID: service.metadata.uid, names.LABEL_ROLE: names.ROLE_POD}}


def owned_by(service: DedicatedService) -> Json:
    """Return the owner reference of a service's object."""
    return owner(service.metadata.name, service.metadata.uid)


def owner(service_name: str, service_uid: str) -> Json:
    """Return the owner reference of an object of a service of which no more is known."""
    # blockOwnerDeletion is never set: it would need rights on finalizers, and could hold up a user's delete.
    return {
        "apiVersion": names.API_VERSION,
        "kind": "DedicatedService",
        "name": service_name,
        "uid": service_uid,
        "controller": True,
    }


def proxy_metadata(service: DedicatedService) -> Json:
    """Return the metadata of an object of a service's proxies: each kind has one, and all have the same name."""
    return {
        "name": names.proxy_name(service.metadata.name),
        "namespace": service.metadata.namespace,
        "labels": proxy_labels(service),
        "ownerReferences": [owned_by(service)],
    }
