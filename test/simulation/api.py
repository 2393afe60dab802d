"""The API client of one simulated process: as the real one towards the product, at the link's mercy on the other side.

A request that is under way belongs to the network: it takes effect even if its sender gave it up, or died.
"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

from isoproxy.kube.errors import ClientClosed, KubeError, NotSent, UnknownOutcome
from isoproxy.kube.resources import Json, Resource
from isoproxy.local.apiserver.errors import StatusError
from test.coreapi import CoreApi, Effect, as_client_error
from test.simulation.history import History
from test.simulation.link import TIMEOUT_SECONDS, Fate, Link
from test.simulation.machine import Machine
from test.simulation.server import Server
from test.simulation.timeline import Timeline
from test.simulation.watch import SimulatedWatch


class SimulatedApi(CoreApi):
    """A KubeApi."""

    def __init__(self, machine: Machine, timeline: Timeline, server: Server, link: Link, history: History) -> None:
        self.link = link
        self._machine = machine
        self._timeline = timeline
        self._server = server
        self._history = history
        self._watches: set[SimulatedWatch] = set()

    def watch(
        self,
        resource: Resource,
        *,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> SimulatedWatch:
        watch = SimulatedWatch(
            machine=self._machine,
            timeline=self._timeline,
            server=self._server,
            link=self.link,
            resource=resource,
            namespace=namespace,
            cursor=resource_version,
            selectors={"label_selector": label_selector, "field_selector": field_selector},
            closed=self._watches.discard,
        )
        self._watches.add(watch)
        return watch

    def break_watches(self, error: KubeError) -> None:
        """Let every open watch fail."""
        for watch in sorted(self._watches, key=lambda one: one.number):
            watch.fail(error)

    def resume_watches(self) -> None:
        """Let every open watch bring what was held up."""
        for watch in sorted(self._watches, key=lambda one: one.number):
            watch.resume()

    async def _request(
        self, verb: str, resource: Resource, name: str, effect: Effect, *, guarded: bool = False, body: Any = None
    ) -> Json:
        if not self._machine.alive:
            raise ClientClosed
        fate = self.link.fate(guarded=guarded)
        gist = _gist(body) if verb == "patch" else ""
        what = f"{verb} {resource.plural}/{name}{gist}"
        reply: Deferred[Json] = Deferred()
        reply.addTimeout(TIMEOUT_SECONDS, self._machine)
        self._timeline.after(fate.there, self._arrive, what, effect, fate, reply)
        try:
            return await reply
        except DeferredTimeoutError:
            raise UnknownOutcome("timed out") from None

    def _arrive(self, what: str, effect: Effect, fate: Fate, reply: Deferred[Any]) -> None:
        """The request is at the server, whatever became of its sender meanwhile."""
        answer: Any
        if not self._server.up:
            answer = NotSent("connection refused")
        elif fate.refused is not None:
            answer = fate.refused
        else:
            with self._history.acting(self._machine.name):
                answer = self._perform(effect)
                if not what.startswith(("get", "list")):
                    self._history.note(f"{what}: {_say(fate.lost or answer)}{' (unheard)' if fate.silent else ''}")
            answer = fate.lost or answer
        if not fate.silent:
            self._timeline.after(fate.back, self._deliver, answer, reply)

    def _perform(self, effect: Effect) -> Any:
        try:
            return self._server.perform(effect)  # shared with the server, as nothing of ours changes what it is told
        except StatusError as error:
            return as_client_error(error)

    def _deliver(self, answer: Any, reply: Deferred[Any]) -> None:
        if not self.link.cut:
            self._machine.enter(_fire, reply, answer)


def _fire(reply: Deferred[Any], answer: Any) -> None:
    if reply.called:
        return  # it was given up
    if isinstance(answer, KubeError):
        reply.errback(answer)
    else:
        reply.callback(answer)


def _say(answer: Any) -> str:
    return f"{type(answer).__name__} {answer}"[:160] if isinstance(answer, KubeError) else "done"


def _gist(patch: Any) -> str:
    """What a patch is about, in few words."""
    if not isinstance(patch, dict):
        return ""
    spec, status = patch.get("spec", {}), patch.get("status", {})
    said = {"proxy": spec.get("proxy"), "phase": status.get("phase"), "outcome": status.get("outcome")}
    annotations = patch.get("metadata", {}).get("annotations", {})
    said |= {key.removeprefix("soh.re/"): value for key, value in annotations.items() if value is not None}
    return "".join(f" {key}={value}" for key, value in said.items() if value)
