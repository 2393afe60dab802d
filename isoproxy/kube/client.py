"""The API client: KubeApi over HTTP/1.1."""

import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from isoproxy.kube.api import FIELD_MANAGER, ListResult, Patch, PatchKind
from isoproxy.kube.config import Connection
from isoproxy.kube.deadline import with_deadline
from isoproxy.kube.errors import BadReply, Gone, ReplyTooLong
from isoproxy.kube.exchange import Request
from isoproxy.kube.limits import Limits
from isoproxy.kube.resources import Json, Resource
from isoproxy.kube.retry import RetryPolicy
from isoproxy.kube.sender import Observer, Sender
from isoproxy.kube.shape import page_of
from isoproxy.kube.watch import HttpWatch
from isoproxy.model.jsontext import parse_json

LIST_RESTARTS = 2  # a list whose snapshot expires between pages is begun again so often


class KubeClient:
    """See `isoproxy.kube.api.KubeApi`.

    Reads are tried again after any fault that may pass, writes only when they certainly had no effect; both a few
    times, with growing delays, and within a minute. A write whose outcome stays unknown is the caller's to look into.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        connection: Connection,
        *,
        observer: Observer | None = None,
        limits: Limits | None = None,
        policy: RetryPolicy | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Nothing is sent yet. `observer` is told of each try. Raises ConfigError for unusable certificates."""
        self._reactor = reactor
        self._limits = limits or Limits()
        self._jitter = jitter
        self._sender = Sender(
            reactor,
            connection,
            limits=self._limits,
            policy=policy or RetryPolicy(),
            jitter=jitter,
            observer=observer,
        )
        self._watches: set[HttpWatch] = set()
        self._closing: Deferred[None] | None = None

    async def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> Json:
        target = resource.path(namespace, name)
        return _parse(await self._call(Request(verb="get", resource=resource, method="GET", target=target)))

    async def list(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        keep: Callable[[Json], Any] | None = None,
    ) -> ListResult:
        selectors = _selectors(label_selector, field_selector)
        pages = self._pages(resource, resource.path(namespace), selectors, keep or _whole)
        return await with_deadline(self._reactor, self._limits.list, Deferred.fromCoroutine(pages))

    async def create(
        self, resource: Resource, body: Json, *, namespace: str | None = None, strict: bool = False
    ) -> Json:
        if resource.namespaced and namespace is None:
            raise ValueError(f"{resource.kind} is created in a namespace")
        target = resource.path(namespace) + _query(_strictness(strict))
        request = Request(verb="create", resource=resource, method="POST", target=target, content=_json(body))
        return _parse(await self._call(request))

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: Patch,
        *,
        namespace: str | None = None,
        subresource: str = "",
        kind: PatchKind = PatchKind.MERGE,
        strict: bool = False,
    ) -> Json:
        parameters = _strictness(strict)
        if kind is PatchKind.APPLY:
            parameters |= {"fieldManager": FIELD_MANAGER, "force": "true"}
        request = Request(
            verb="patch",
            resource=resource,
            method="PATCH",
            target=resource.path(namespace, name, subresource) + _query(parameters),
            content=_json(patch),
            media_type=kind.value,
        )
        return _parse(await self._call(request))

    async def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_period_seconds: int | None = None,
    ) -> None:
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions"}
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        if given := {key: value for key, value in preconditions.items() if value is not None}:
            options["preconditions"] = given
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        target = resource.path(namespace, name)
        request = Request(verb="delete", resource=resource, method="DELETE", target=target, content=_json(options))
        await self._call(request)

    def watch(
        self,
        resource: Resource,
        *,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> HttpWatch:
        parameters = _selectors(label_selector, field_selector) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(round(self._limits.watch * (1 + 0.2 * self._jitter()))),
        }
        target = resource.path(namespace) + _query(parameters)
        request = Request(verb="watch", resource=resource, method="GET", target=target)
        watch = HttpWatch(
            self._reactor,
            lambda: self._sender.open(request),
            limits=self._limits,
            closed=self._watches.discard,
        )
        self._watches.add(watch)
        return watch

    def close(self) -> Deferred[None]:
        """Refuse what comes, fail what is under way, end the watches; fires when no connection is left."""
        if self._closing is None:
            for watch in list(self._watches):
                watch.close()
            self._closing = self._sender.close()
        closed: Deferred[None] = Deferred()
        self._closing.addBoth(lambda _: closed.callback(None))
        return closed

    async def _pages(
        self, resource: Resource, path: str, parameters: dict[str, str], keep: Callable[[Json], Any]
    ) -> ListResult:
        restarts = 0
        while True:
            try:
                return await self._pages_of_one_snapshot(resource, path, parameters, keep)
            except Gone:
                restarts += 1
                if restarts > LIST_RESTARTS:
                    raise

    async def _pages_of_one_snapshot(
        self, resource: Resource, path: str, parameters: dict[str, str], keep: Callable[[Json], Any]
    ) -> ListResult:
        count, more = self._limits.page_items, ""
        items, version = [], ""
        for _ in range(self._limits.pages):
            place = {"limit": str(count)} | ({"continue": more} if more else {})
            request = Request(verb="list", resource=resource, method="GET", target=path + _query(parameters | place))
            most = self._limits.page if count > 1 else max(self._limits.page, self._limits.reply)
            try:
                reply = await self._sender.call(request, limit=most)
            except ReplyTooLong:
                if count == 1:
                    raise
                count //= 2  # whoever may make such objects makes them as large as may be
                continue
            if len(reply) * 4 <= self._limits.page:  # twice as many would still leave room
                count = min(count * 2, self._limits.page_items)
            found, versioned, more = page_of(_parse(reply))
            version = version or versioned
            for item in found:
                item.setdefault("apiVersion", resource.api_version)  # built-in kinds leave both out of lists
                item.setdefault("kind", resource.kind)
                items.append(keep(item))
            if not version:
                raise BadReply("a list without a resourceVersion")
            if not more:
                return ListResult(items, version)
        raise BadReply(f"a list of more than {len(items)} objects")

    async def _call(self, request: Request) -> bytes:
        return await self._sender.call(request, limit=self._limits.reply)


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {key: value for key, value in selectors.items() if value}


def _whole(item: Json) -> Json:
    return item


def _strictness(strict: bool) -> dict[str, str]:
    return {"fieldValidation": "Strict"} if strict else {}


def _query(parameters: dict[str, str]) -> str:
    return "?" + urlencode(parameters, quote_via=quote) if parameters else ""


def _json(body: Patch) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _parse(body: bytes) -> Json:
    try:
        answer = parse_json(body)
    except ValueError as error:
        raise BadReply("a reply that is no JSON") from error
    if not isinstance(answer, dict):
        raise BadReply("a reply that is no JSON object")
    return answer
