"""Verbs on objects: a parsed request in, bytes out. Synchronous; what goes on is a stream and answered elsewhere."""

from dataclasses import dataclass
from typing import Any

from isoproxy.local.apiserver import changes, scale
from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.errors import StatusError, method_not_allowed, no_such_path
from isoproxy.local.apiserver.kinds.kind import Kind, dig
from isoproxy.local.apiserver.store import Stored, encode
from isoproxy.local.apiserver.web import negotiation, requests
from isoproxy.local.apiserver.web.negotiation import Format
from isoproxy.local.apiserver.web.render import Renderer, to_yaml
from isoproxy.local.apiserver.web.requests import Request, ResourcePath
from isoproxy.local.apiserver.writes import Written

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """What came with a request beside its URL."""

    accept: str = ""
    content_type: str = ""
    agent: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    body: bytes
    content_type: str = negotiation.JSON
    warnings: tuple[str, ...] = ()


class Answers:
    """Answers what is about objects, all but watches and logs."""

    def __init__(self, served: Core) -> None:
        self._core = served

    def answer(self, request: Request, path: ResourcePath, kind: Kind, sent: Sent) -> Answer:
        """Do what is asked. Every refusal is a StatusError."""
        verb = request.verb
        self._check_path(kind, path, verb)
        form = negotiation.choose(sent.accept, shapes=verb in ("get", "list", "deletecollection"))
        if path.subresource == "binding":
            return self._bind(kind, path, request, sent)
        if verb in ("get", "list"):
            return self._read(kind, path, request, form)
        if verb in ("delete", "deletecollection"):
            return self._delete(kind, path, request, sent, form)
        return self._write(verb, kind, path, request, sent, form)

    @staticmethod
    def _check_path(kind: Kind, path: ResourcePath, verb: str) -> None:
        if not kind.namespaced and path.namespace is not None:
            raise no_such_path()
        if kind.namespaced and path.namespace is None and (path.name or verb in ("create", "deletecollection")):
            raise method_not_allowed(verb) if not path.name else no_such_path()
        known = {"": True, "status": kind.status, "scale": kind.scale is not None}
        if not known.get(path.subresource, path.subresource in kind.subresources):
            raise no_such_path()
        verbs = {"": None, "binding": ("create",), "log": ("get",)}
        allowed = verbs.get(path.subresource, ("get", "update", "patch"))
        if allowed is not None and verb not in allowed:
            raise method_not_allowed(verb)

    # Reading

    def _renderer(self, kind: Kind, form: Format, request: Request) -> Renderer:
        include = request.parameters.get("includeObject", "Metadata")
        return Renderer(kind, form, self._core.sources.now(), include)

    def _read(self, kind: Kind, path: ResourcePath, request: Request, form: Format) -> Answer:
        renderer = self._renderer(kind, form, request)
        if not path.name:
            page = self._core.list(kind, path.namespace, requests.list_options(request.parameters))
            return Answer(200, renderer.list(page), form.media)
        version = request.parameters.get("resourceVersion", "")
        stored = self._core.get(kind, path.namespace or "", path.name, version)
        if path.subresource == "scale":
            return _scale(kind, stored, form)
        return Answer(200, renderer.object(stored), form.media)

    # Writing

    def _body(self, sent: Sent, request: Request, *, patch: bool) -> Any:
        strict = request.parameters.get("fieldValidation") == "Strict"
        depth = self._core.limits.json_depth
        return negotiation.read_body(sent.body, sent.content_type, patch=patch, strict=strict, depth=depth)

    def _write(self, verb: str, kind: Kind, path: ResourcePath, request: Request, sent: Sent, form: Format) -> Answer:
        body = self._body(sent, request, patch=verb == "patch")
        content_type = negotiation.media_type(sent.content_type)
        # An apply has to say who it is; other writers are known by their program.
        agent = "" if content_type == changes.APPLY else sent.agent.partition("/")[0][:128]
        options = requests.write_options(request.parameters, agent, verb)
        namespace = path.namespace or ""
        more: Json = {"subresource": path.subresource, "options": options}
        if verb == "create":
            written = self._core.create(kind, namespace, body, options)
        elif verb == "update":
            written = self._core.replace(kind, namespace, path.name, body, **more)
        else:
            written = self._core.patch(kind, namespace, path.name, body, content_type=content_type, **more)
        return self._written(kind, path, written, form)

    @staticmethod
    def _written(kind: Kind, path: ResourcePath, written: Written, form: Format) -> Answer:
        if path.subresource == "scale":
            return _scale(kind, written.stored, form)
        body = Renderer(kind, form, 0.0).object(written.stored)
        return Answer(201 if written.created else 200, body, form.media, written.warnings)

    def _bind(self, kind: Kind, path: ResourcePath, request: Request, sent: Sent) -> Answer:
        body = self._body(sent, request, patch=False)
        node, uid = dig(body, ("target", "name")), dig(body, ("metadata", "uid"))
        self._core.bind(kind, path.namespace or "", path.name, node, uid=uid)
        return Answer(201, encode(success(201)))

    # Deleting

    def _delete(self, kind: Kind, path: ResourcePath, request: Request, sent: Sent, form: Format) -> Answer:
        body = self._body(sent, request, patch=False) if sent.body.strip() else None
        options = requests.delete_options(request.parameters, body)
        namespace = path.namespace or ""
        renderer = self._renderer(kind, form, request)
        if not path.name:
            selected = requests.list_options(request.parameters)
            page = self._core.delete_collection(kind, path.namespace, selected, options)
            return Answer(200, renderer.list(page), form.media)
        stored, gone = self._core.delete(kind, namespace, path.name, options)
        if kind.returns_deleted or not gone:
            return Answer(200, renderer.object(stored), form.media)
        details = {"name": path.name, "group": kind.group, "kind": kind.plural, "uid": stored.object["metadata"]["uid"]}
        return Answer(200, encode(success(200, {key: value for key, value in details.items() if value})))


def success(code: int, details: Json | None = None) -> Json:
    body: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if details:
        return body | {"details": details}
    return body | {"code": code}


def _scale(kind: Kind, stored: Stored, form: Format) -> Answer:
    assert kind.scale is not None
    body = encode(scale.view(stored.object, kind.scale))
    return Answer(200, to_yaml(body) if form.media == negotiation.YAML else body, form.media)


def refusal(error: StatusError) -> Answer:
    return Answer(error.code, encode(error.status()))
