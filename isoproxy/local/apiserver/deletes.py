"""Delete: at once, or as a mark that finalizers and runtimes act on. Pure."""

from typing import Any

from isoproxy.local.apiserver import metadata
from isoproxy.local.apiserver.errors import conflict, forbidden
from isoproxy.local.apiserver.guards import precondition
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.options import DeleteOptions
from isoproxy.local.apiserver.sources import Sources
from isoproxy.local.apiserver.store import Key, Stored
from isoproxy.local.apiserver.writes import Writer

Json = dict[str, Any]

LASTING_NAMESPACES = ("default", "kube-system", "kube-public")
_PROPAGATION = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


class Deleter:
    """Deletes through the writer that keeps the books."""

    def __init__(self, writer: Writer, sources: Sources) -> None:
        self._writer = writer
        self._sources = sources

    def delete(self, kind: Kind, namespace: str, name: str, options: DeleteOptions) -> tuple[Stored, bool]:
        """Delete an object, or mark it where finalizers or a runtime have a say first.

        Returns its last version and whether it is gone. 409 unless the preconditions hold.
        """
        stored = self._writer.current(kind, namespace, name)
        found = stored.object["metadata"]
        _check_preconditions(kind, found, options)
        if kind.bucket == "namespaces" and name in LASTING_NAMESPACES:
            raise forbidden(kind.resource, name, "this namespace may not be deleted")
        grace = kind.behaviour.grace(stored.object, options.grace_period_seconds)
        finalizers = _finalizers(found, options.propagation)
        # A namespace goes when it is empty.
        at_once = not finalizers and not grace and kind.bucket != "namespaces"
        if options.dry_run:
            return stored, at_once
        if at_once:
            return self._writer.vanish(kind, Key(namespace, name)), True
        marked = self._marked(found, finalizers, grace)
        if marked == found:
            return stored, False
        obj = stored.object | {"metadata": marked}
        if kind.bucket == "namespaces":
            obj["status"] = obj["status"] | {"phase": "Terminating"}
        return self._writer.put(kind, Key(namespace, name), obj), False

    def _marked(self, found: Json, finalizers: list[str], grace: int) -> Json:
        """The metadata of an object whose deletion was asked for; a second request may only shorten the wait."""
        marked = dict(found)
        if finalizers:
            marked["finalizers"] = finalizers
        if "deletionTimestamp" in found:
            if grace >= found.get("deletionGracePeriodSeconds", 0):
                return marked
        elif "generation" in found:
            marked["generation"] = found["generation"] + 1
        marked["deletionTimestamp"] = metadata.timestamp(self._sources.now() + grace)
        marked["deletionGracePeriodSeconds"] = grace
        return marked


def _check_preconditions(kind: Kind, found: Json, options: DeleteOptions) -> None:
    if options.uid is not None and options.uid != found["uid"]:
        raise conflict(kind.resource, found["name"], precondition("UID", options.uid, found["uid"]))
    wanted = options.resource_version
    if wanted is not None and wanted != found["resourceVersion"]:
        why = precondition("ResourceVersion", wanted, found["resourceVersion"])
        raise conflict(kind.resource, found["name"], why)


def _finalizers(found: Json, propagation: str) -> list[str]:
    """The finalizers once deletion is asked for in this way; who asked first decides how dependants go."""
    finalizers = list(found.get("finalizers") or ())
    if "deletionTimestamp" in found:
        return finalizers
    kept = [item for item in finalizers if item not in _PROPAGATION.values()]
    return [*kept, _PROPAGATION[propagation]] if propagation in _PROPAGATION else kept
