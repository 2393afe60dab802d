"""Objects that belong to others."""

from isoproxy.kube.resources import Json


def owned_by(owner: Json, name: str) -> Json:
    """What makes an object of this name belong to its owner: metadata, to be joined with the rest of it."""
    metadata = owner["metadata"]
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    return {"metadata": {"name": name, "ownerReferences": [reference]}}
