"""One pod, from the moment the node takes it up to its last trace."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import txaio
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from isoproxy.kube.errors import Conflict, KubeError, NotFound
from isoproxy.kube.resources import PODS
from isoproxy.local.runtime.facts import CannotRun, Exit
from isoproxy.local.runtime.health import Readiness
from isoproxy.local.runtime.launch import Node, bind, prepare
from isoproxy.local.runtime.persistence import persist
from isoproxy.local.runtime.podspec import LocalPod, PodSpec, runnable
from isoproxy.local.runtime.restarts import back_off, restarts
from isoproxy.local.runtime.status import PodState, Running, Terminated, Waiting

log = txaio.make_logger()

_SOON = 0.1  # seconds; most programs listen by then, and one write tells both that they run and that they are Ready
_LATER = 3.0  # seconds; most pods run by then
_STARTING = 5.0  # seconds for which a pod that is not Ready counts as starting
_SETTLING = 2.0  # seconds; by then the watch has shown what we wrote
_LOST = Exit(137, 0, "ContainerStatusUnknown", "the pod was lost when its node stopped")


class PodWorker:
    """Runs one Pod and reports on it; what to do is decided in podspec, environment, restarts and status.

    `over` is called once when nothing of the pod runs and nothing will, `gone` when its object is gone too.
    """

    def __init__(self, pod: LocalPod, node: Node, *, over: Callable[[], None], gone: Callable[[], None]) -> None:
        self._pod = pod
        self._node = node
        self._on_over = over
        self._on_gone = gone
        self._spec: PodSpec | None = None  # once it was found to be runnable
        self._state = PodState(container=pod.container_name, image=pod.image)
        self._task: Deferred[None] | None = None  # what is under way: launching, or deleting the object
        self._running = False  # the runtime was told to run it, and has not said yet that it ended
        self._over = self._deleting = self._vanished = False
        self._readiness: Readiness | None = None
        self._refused: Exit | None = None  # why it must not run though it does
        self._wait: float | None = None  # seconds waited before the present start, None for the first
        self._restart: IDelayedCall | None = None
        self._check: IDelayedCall | None = None
        self._start: IDelayedCall | None = None  # set while it holds one of node.starting: when to let go

    def begin(self) -> None:
        """Take the pod up, in whatever state it is."""
        if self._pod.ending:
            self._end()
        elif self._pod.over:
            self._be_over()
        elif self._pod.begun:
            self._fail(_LOST)  # a pod has one life, and this one's was with another agent
        else:
            self._do(self._launch())

    def update(self, pod: LocalPod) -> None:
        """The object has changed."""
        self._pod = pod
        if pod.ending:
            self._end()
        elif self._contradicted and (self._check is None or not self._check.active()):
            self._check = self._node.clock.callLater(_SETTLING, self._insist)

    def vanish(self) -> None:
        """The object is gone."""
        self._vanished = True
        self._end()

    def abandon(self) -> None:
        """The node stops: do nothing any more."""
        self._rest()
        if self._task is not None:
            self._task.cancel()

    def _rest(self) -> None:
        """Stop whatever waits."""
        for call in (self._restart, self._check):
            if call is not None and call.active():
                call.cancel()
        self._leave_start()
        if self._readiness is not None:
            self._readiness.stop()
        if self._task is not None and not self._deleting:
            self._task.cancel()
        self._node.writer.drop(self._pod.id)

    # What the runtime says of the program (interface.ProgramObserver).

    def started(self, pid: int) -> None:
        assert self._spec is not None
        node, pod = self._node, self._pod.id
        self._change(_SOON, state=Running(node.now()), container_id=f"{node.runtime.name}://{pod.uid}/{pid}")
        self._readiness = Readiness(
            node.clock,
            node.runtime,
            pod,
            self._state.ip,
            self._spec.containers[0],
            on_change=self._ready,
            on_refused=self._refuse,
        )

    def ended(self, exit_: Exit) -> None:
        self._running = False
        self._leave_start()
        if self._readiness is not None:
            self._readiness.stop()
        if self._pod.ending or self._vanished:
            self._end()
            return
        terminated = self._terminated(self._refused or self._explained(exit_))
        if self._spec is not None and restarts(self._spec.restart_policy, terminated.exit):
            self._restart_after(terminated)
        else:
            self._change(state=terminated, ready=False)
            self._be_over()

    def _explained(self, exit_: Exit) -> Exit:
        """Say what a program will have complained of that could not listen."""
        port = self._spec.containers[0].port if self._spec is not None else None
        if port is None or exit_.code == 0 or exit_.message or self._state.ready:
            return exit_
        return replace(exit_, message=self._node.runtime.obstacle(self._pod.id, port))

    def _ready(self, ready: bool) -> None:
        if ready:
            self._leave_start()
        self._change(ready=ready)

    def _refuse(self, error: CannotRun) -> None:
        """It runs, but must not: it would be served what is meant for others, or others what is meant for it."""
        self._refused = Exit(137, 9, error.reason, error.message)
        self._node.runtime.terminate(self._pod.id, 0.0)

    # Starting.

    async def _launch(self) -> None:
        node, pod = self._node, self._pod
        try:
            if not pod.node:
                await bind(node, pod)
            self._change(_LATER, started_at=self._state.started_at or node.now())
            self._spec = runnable(pod)
            await self._enter_start()
            sandbox, program = await prepare(node, pod, self._spec)
        except CannotRun as error:
            self._fail(Exit(128, 0, error.reason, error.message))
        else:
            self._state = replace(self._state, ip=sandbox.ip)
            self._running = True
            node.runtime.run(pod.id, program, self)

    async def _enter_start(self) -> None:
        await self._node.starting.acquire()
        self._start = self._node.clock.callLater(_STARTING, self._leave_start)

    def _leave_start(self) -> None:
        start, self._start = self._start, None
        if start is not None:
            if start.active():
                start.cancel()
            self._node.clock.callLater(0.0, self._node.starting.release)  # not from in here: the next may fail at once

    def _restart_after(self, terminated: Terminated) -> None:
        ran_for = (terminated.at - terminated.since).total_seconds() if terminated.since is not None else 0.0
        self._wait = wait = back_off(self._wait, ran_for)
        pod = self._pod.id
        why = f"back-off {wait:g}s restarting failed container={self._state.container} pod={pod}({pod.uid})"
        waiting = Waiting("CrashLoopBackOff", why) if wait else Waiting("ContainerCreating")
        self._change(state=waiting, last=terminated, ready=False)
        self._restart = self._node.clock.callLater(wait, self._relaunch)

    def _relaunch(self) -> None:
        self._refused = None
        self._state = replace(self._state, restarts=self._state.restarts + 1)
        self._do(self._launch())

    # Ending.

    def _end(self) -> None:
        """Stop the program; when it has ended, see to it that the object goes; when that is gone, forget it."""
        if self._running:
            self._node.runtime.terminate(self._pod.id, self._pod.grace)
            return
        self._rest()
        self._be_over()
        if self._vanished:
            self._node.runtime.forget(self._pod.id)
            self._on_gone()
        elif not self._deleting:
            self._deleting = True
            self._do(self._delete())

    async def _delete(self) -> None:
        node, pod = self._node, self._pod.id
        try:
            await persist(
                lambda: node.api.delete(PODS, pod.name, namespace=pod.namespace, uid=pod.uid, grace_period_seconds=0),
                node.clock,
                node.jitter,
            )
        except (NotFound, Conflict):
            pass  # it is gone; the watch will say so
        except KubeError as error:
            log.error("pod {pod} has ended and cannot be deleted: {error}", pod=str(pod), error=error)

    def _fail(self, exit_: Exit) -> None:
        """It has not run, or nobody saw how it ended."""
        self._leave_start()
        self._change(state=self._terminated(exit_), ready=False)
        self._be_over()

    def _be_over(self) -> None:
        if not self._over:
            self._over = True
            self._node.runtime.finish(self._pod.id)
            self._on_over()

    # Helpers.

    @property
    def _contradicted(self) -> bool:
        """Whether the object says that the pod is not Ready, and it is.

        A cluster that took the node for dead writes so, and leaves it to the node to take that back.
        """
        return self._state.ready and not self._pod.ready

    def _insist(self) -> None:
        if self._contradicted:
            self._change()

    def _terminated(self, exit_: Exit) -> Terminated:
        running = isinstance(self._state.state, Running)
        since = self._state.state.since if isinstance(self._state.state, Running) else None
        return Terminated(exit_, since, self._node.now(), self._state.container_id if running else "")

    def _change(self, within: float = 0.0, **changes: Any) -> None:
        """Change the state, and have it written in so many seconds."""
        self._state = replace(self._state, **changes)
        self._node.writer.put(self._pod.id, self._state, delay=within)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = Deferred.fromCoroutine(work)
        self._task.addErrback(self._did_not)

    def _did_not(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            log.failure("pod {pod}", failure=failure, pod=str(self._pod.id))
            self._running = False
            self._fail(Exit(128, 0, "InternalError", str(failure.value)))
