"""The API server without HTTP: the verbs on typed kinds, synchronous and deterministic. Pure.

Time and chance come from the `Sources` given in. What goes in is taken over, what comes out is shared: neither may be
changed afterwards. Every refusal is a `StatusError`.
"""

from collections.abc import Callable
from typing import Any

from isoproxy.local.apiserver import changes, metadata, scale
from isoproxy.local.apiserver.collector import Collector
from isoproxy.local.apiserver.deletes import Deleter
from isoproxy.local.apiserver.errors import bad_request, conflict, expired, no_such_path, too_many
from isoproxy.local.apiserver.garbage import Ownership
from isoproxy.local.apiserver.guards import precondition
from isoproxy.local.apiserver.kinds import builtin, pods
from isoproxy.local.apiserver.kinds.crds import CrdBehaviour, kinds_of
from isoproxy.local.apiserver.kinds.kind import Kind, dig
from isoproxy.local.apiserver.kinds.registry import Registry
from isoproxy.local.apiserver.limits import Limits
from isoproxy.local.apiserver.options import LIST, WRITE, DeleteOptions, ListOptions, WriteOptions
from isoproxy.local.apiserver.reads import Page, parse_version, read_list, refuse_future, selection
from isoproxy.local.apiserver.schema.defaults import fill
from isoproxy.local.apiserver.schema.prune import prune
from isoproxy.local.apiserver.sources import Sources
from isoproxy.local.apiserver.store import Key, Store, Stored
from isoproxy.local.apiserver.watch import Watch
from isoproxy.local.apiserver.writes import Writer, Written

Json = dict[str, Any]

INITIAL_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class Core:
    """All state of the server. `first_version` should grow from one start to the next, so that old cursors are known to
    be old."""

    def __init__(self, sources: Sources, limits: Limits | None = None, *, first_version: int = 1) -> None:
        self.limits = limits or Limits()
        self.sources = sources
        self.registry = Registry()
        self.store = Store(first_version=first_version, limits=self.limits)
        self._ownership = Ownership()
        self._writer = Writer(self.store, self._ownership, sources, self.limits)
        self._stored_kinds: dict[str, Kind] = {}
        self._deleter = Deleter(self._writer, sources)
        self._collector = Collector(self.store, self._ownership, self._writer, self._deleter, self._stored_kinds)
        for kind in builtin.kinds():
            self._serve(kind)
        for name in INITIAL_NAMESPACES:
            self.create(self._stored_kinds["namespaces"], "", {"metadata": {"name": name}})

    def _serve(self, kind: Kind) -> None:
        found = self.registry.find(kind.group, kind.version, kind.plural)
        if found is not None and not found.custom:
            return  # what is built in stays
        self.registry.add(kind)
        if kind.outward is None:
            self._stored_kinds[kind.bucket] = kind

    def kind(self, group: str, version: str, plural: str) -> Kind:
        """The served kind, 404 if there is none."""
        found = self.registry.find(group, version, plural)
        if found is None:
            raise no_such_path()
        return found

    # Reading

    def get(self, kind: Kind, namespace: str, name: str, resource_version: str = "") -> Stored:
        refuse_future(self.store, parse_version(resource_version))
        return self._writer.current(kind, namespace, name)

    def list(self, kind: Kind, namespace: str | None, options: ListOptions = LIST) -> Page:
        return read_list(self.store, kind, namespace, options)

    def watch(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        wake: Callable[[], None],
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
    ) -> Watch:
        """The changes after a version; without one (or "0") what exists comes first.

        410 if it is too old, or yet to come: then it is of an earlier server, whose clients have to list again.
        """
        bucket = self.store.bucket(kind.bucket)
        if sum(len(found.listeners) for found in self.store) >= self.limits.streams:
            raise too_many("watches")
        selected = selection(kind, label_selector, field_selector)
        since = parse_version(resource_version)
        if since > self.store.version:
            raise expired(f"too large resource version: {since} ({self.store.version})")
        watch = Watch(bucket, namespace, selected, since=since or self.store.version, wake=wake)
        if not since:
            watch.begin_with_state()
        return watch

    # Writing

    def create(self, kind: Kind, namespace: str, body: Any, options: WriteOptions = WRITE) -> Written:
        return self._noted(kind, self._writer.create(kind, namespace, body, options))

    def replace(
        self, kind: Kind, namespace: str, name: str, body: Any, options: WriteOptions = WRITE, *, subresource: str = ""
    ) -> Written:
        """PUT: the body is the whole new object, or the whole new status."""
        stated = dig(body, ("metadata", "name"))
        if stated != name:
            raise bad_request(f"the name of the object ({stated}) does not match the name on the URL ({name})")
        return self._update(kind, namespace, name, lambda _: body, options=options, subresource=subresource)

    def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Any,
        *,
        content_type: str = changes.MERGE,
        subresource: str = "",
        options: WriteOptions = WRITE,
    ) -> Written:
        """PATCH, of the kind that its content type says: merge, JSON, strategic merge, or server-side apply."""
        if content_type == changes.APPLY:
            written = changes.apply_configuration(self._writer, kind, Key(namespace, name), patch, subresource, options)
            return self._noted(kind, written)
        change = changes.from_patch(kind, patch, content_type, self.limits)
        return self._update(kind, namespace, name, change, options=options, subresource=subresource, patch=True)

    def _update(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        change: Callable[[Json], Any],
        *,
        options: WriteOptions,
        subresource: str,
        patch: bool = False,
    ) -> Written:
        if subresource == "scale" and kind.scale is not None:
            return self._update_scale(kind, namespace, name, change, options)
        found = self._writer.update(kind, namespace, name, change, options, subresource=subresource, patch=patch)
        return self._noted(kind, found)

    def _update_scale(
        self, kind: Kind, namespace: str, name: str, change: Callable[[Json], Any], options: WriteOptions
    ) -> Written:
        paths = kind.scale
        assert paths is not None

        def through_scale(obj: Json) -> Json:
            return scale.changed(paths, obj, change(scale.view(obj, paths)))

        return self._noted(kind, self._writer.update(kind, namespace, name, through_scale, options, patch=True))

    def bind(self, kind: Kind, namespace: str, name: str, node: Any, *, uid: Any = None) -> None:
        """Assign a pod to a node, once: 409 when it already has one, or when it is another than that of a ``uid``."""
        pod = self._writer.current(kind, namespace, name).object
        if uid and uid != pod["metadata"]["uid"]:
            raise conflict("pods/binding", name, precondition("UID", str(uid), pod["metadata"]["uid"]))
        bound = pods.bound(pod, node, metadata.timestamp(self.sources.now()))
        self._writer.put(kind, Key(namespace, name), bound)

    # Deleting

    def delete(
        self, kind: Kind, namespace: str, name: str, options: DeleteOptions | None = None
    ) -> tuple[Stored, bool]:
        """Returns the last version of the object, and whether it is gone (else it is only marked)."""
        stored, gone = self._deleter.delete(kind, namespace, name, options or DeleteOptions())
        self._resync_crd(kind, name)
        return stored, gone

    def delete_collection(
        self, kind: Kind, namespace: str | None, selected: ListOptions = LIST, options: DeleteOptions | None = None
    ) -> Page:
        """Delete all that the selectors mean; returns them as they were."""
        page = self.list(kind, namespace, selected)
        for stored in page.items:
            found = stored.object["metadata"]
            self.delete(kind, found.get("namespace", ""), found["name"], options)
        return page

    @property
    def garbage_pending(self) -> bool:
        """Whether `collect` has something to do."""
        return self._ownership.pending

    def collect(self) -> None:
        """Look at some of the objects whose owners, namespaces or definitions went; call again while it is pending."""
        for _ in range(self.limits.garbage_batch):
            place = self._ownership.take()
            if place is None:
                return
            self._collector.look_at(place)
            if place.bucket == builtin.CRDS:
                self._resync_crd(self._stored_kinds[builtin.CRDS], place.key.name)

    # CustomResourceDefinitions

    def _noted(self, kind: Kind, written: Written) -> Written:
        self._resync_crd(kind, written.stored.object["metadata"]["name"])
        return written

    def _resync_crd(self, kind: Kind, name: str) -> None:
        """After a write to a CRD: serve what it says now, and nothing if it is gone."""
        if kind.bucket != builtin.CRDS:
            return
        stored = self.store.bucket(builtin.CRDS).objects.get(Key("", name))
        plural, _, group = name.partition(".")
        if stored is None:
            self.registry.remove(group, plural)
            self._stored_kinds.pop(name, None)
            return
        behaviour = kind.behaviour
        assert isinstance(behaviour, CrdBehaviour)
        before = self._stored_kinds.get(name)
        self.registry.remove(group, plural)
        for made in kinds_of(stored.object, behaviour.metadata, []):
            self._serve(made)
        after = self._stored_kinds.get(name)
        if before is not None and after is not None:
            self._reread(after)

    def _reread(self, kind: Kind) -> None:
        """A real server prunes and defaults an object whenever it reads it; here the schema's change is when."""
        for stored in self.store.bucket(kind.bucket).objects.values():
            obj = fill(kind.schema, prune(kind.schema, stored.object, "", []))
            if obj is not stored.object:
                self.store.reread(stored, obj)
