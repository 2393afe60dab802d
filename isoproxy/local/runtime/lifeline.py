"""Keeps one supervisor at hand: starts it, starts another when it is lost, ends it."""

from collections.abc import Callable

import txaio
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorProcess, IReactorTime
from twisted.internet.task import deferLater

from isoproxy.local.runtime.channel import Channel
from isoproxy.local.runtime.facts import CannotRun
from isoproxy.local.runtime.supervisor import wire
from isoproxy.local.runtime.supervisor.folder import NotOurs, prepare

log = txaio.make_logger()

_START_TIMEOUT = 20.0  # seconds; 0.05 is usual
_PAUSE = 1.0  # seconds between tries to start one
_HANGING = 12.0  # seconds past the grace of a stop, or past a kill; supervisor and guard give up before that


class Lifeline:
    """At most one supervisor at a time: the next is started when the one before and all that it ran are gone."""

    def __init__(
        self,
        reactor: IReactorProcess,
        clock: IReactorTime,
        *,
        base: str,
        output_size: int,
        on_report: Callable[[wire.Message], None],
        on_lost: Callable[[], None],
    ) -> None:
        """`on_lost`: it ended, and had not been asked to."""
        self._reactor = reactor
        self._clock = clock
        self._base = base
        self._output_size = output_size
        self._on_report = on_report
        self._on_lost = on_lost
        self._channel: Channel | None = None
        self._waiting: list[Deferred[None]] = []  # for the next thing to happen: a hello, or an end
        self._not_before = 0.0
        self._stopped = False
        self.folder = ""  # where its pods' folders are; "" while there is no supervisor

    async def up(self) -> None:
        """Return when there is one. Raises CannotRun."""
        pause = self._not_before - self._clock.seconds()
        if self._channel is None and pause > 0.0 and not self._stopped:
            await deferLater(self._clock, min(pause, _PAUSE))  # the clock may have been set
        if not self.folder and not self._stopped:
            if self._channel is None:
                self._start()
            if not await self._news(_START_TIMEOUT) and self._channel is not None:
                self._channel.kill()
        if not self.folder or self._stopped:
            raise CannotRun("RuntimeUnavailable", "the supervisor of the pods does not start, or is stopping")

    def send(self, request: wire.Request) -> None:
        """To the supervisor, if there is one. Raises WireError for what is too long."""
        if self._channel is not None:
            self._channel.send(request)

    async def stop(self, grace: float) -> None:
        """End it, and everything that it runs; returns when nothing of that is left. Idempotent."""
        self._stopped = True
        self.send(wire.Shutdown(grace))
        for patience in (grace + _HANGING, _HANGING):
            give_up_at = self._clock.seconds() + patience
            while self._channel is not None and await self._news(max(0.0, give_up_at - self._clock.seconds())):
                pass
            if self._channel is None:
                return
            log.error("the supervisor of the pods does not end, and is killed")
            self._channel.kill()

    def _start(self) -> None:
        self._not_before = self._clock.seconds() + _PAUSE
        try:
            prepare(self._base)
            channel = Channel(self._reactor, base=self._base, output_size=self._output_size, on_report=self._report)
        except (OSError, NotOurs) as error:
            raise CannotRun("RuntimeUnavailable", f"the supervisor of the pods does not start: {error}") from error
        self._channel = channel
        channel.ended.addCallback(self._ended)

    def _report(self, report: wire.Message) -> None:
        if isinstance(report, wire.Hello):
            self.folder = report.folder
            self._tell()
        elif not self._stopped:
            self._on_report(report)

    def _ended(self, _: None) -> None:
        was_up, self.folder, self._channel = bool(self.folder), "", None
        if was_up and not self._stopped:
            log.error("the supervisor of the pods has ended; all pods are lost")
            self._on_lost()
        self._tell()

    async def _news(self, within: float) -> bool:
        """Wait for a hello or an end; False if there was none in time."""
        news: Deferred[None] = Deferred()
        self._waiting.append(news)
        try:
            await news.addTimeout(within, self._clock)
        except TimeoutError:
            return False
        finally:
            if news in self._waiting:
                self._waiting.remove(news)
        return True

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for news in waiting:
            news.callback(None)
