"""Bugs by which what is told of a connection is not what became of it, or is told anew."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any

from isoproxy.kube.resources import Json
from isoproxy.local.apiserver import admission
from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.observe.accesslog import Entry
from isoproxy.observe.outcomes import Outcome
from isoproxy.proxy import records, session
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.connection import Connection
from isoproxy.proxy.presence import Presence
from isoproxy.proxy.recording import Story, next_patch
from isoproxy.proxy.records import Records
from isoproxy.proxy.relay.result import Ending
from isoproxy.proxy.sessions import Sessions
from test.simulation.mutations.mutation import Mutation, swap


def _call_it_completed(stack: ExitStack) -> None:
    told: Mapping[Ending, Outcome] = session._OUTCOME_OF | {Ending.CLIENT_RESET: Outcome.COMPLETED}
    swap(stack, session, "_OUTCOME_OF", told)


def _record_completed(stack: ExitStack) -> None:
    released = Records.released

    def lie(self: Records, pod: Backend, outcome: Outcome, at: datetime) -> None:
        released(self, pod, Outcome.COMPLETED if outcome is Outcome.BACKEND_RESET else outcome, at)

    swap(stack, Records, "released", lie)


def _record_without_looking(stack: ExitStack) -> None:
    """Whatever the object says by now, and without the second lock, which refuses what goes backwards."""

    def blindly(story: Story, record: IsolationPod, instance: str) -> Json | None:
        fresh = replace(record, status=replace(record.status, phase=Phase.IDLE))
        patch: Any = next_patch(story, fresh, instance)
        del patch["metadata"]["resourceVersion"]
        return patch if record.status.phase is not story.wanted else None

    swap(stack, records, "next_patch", blindly)
    swap(stack, admission, "check_rules", lambda *_, **__: None)


def _return_what_was_dialled(stack: ExitStack) -> None:
    """A pod that did not answer is taken for unused."""

    def retire(self: Records, pod: Backend, outcome: Outcome, at: datetime) -> None:
        if outcome is Outcome.DIAL_FAILED:
            self._tell(self._records[pod.uid], Phase.RETURNED)
        else:
            released(self, pod, outcome, at)

    released = Records.released
    swap(stack, Records, "released", retire)


def _end_at_the_beginning(stack: ExitStack) -> None:
    """The last word is the first."""
    say = Presence.say

    def all_said(self: Presence, *, draining: bool | None = None, **rest: Any) -> None:
        if draining:
            self._state = replace(self._state, ended=True)
        say(self, draining=draining, **rest)

    swap(stack, Presence, "say", all_said)


def _name_the_one_before(stack: ExitStack) -> None:
    claimed = Records.claimed
    latest = ["192.0.2.1:0"]

    def mistake(self: Records, pod: Backend, client: str, at: datetime) -> None:
        claimed(self, pod, latest.pop(), at)
        latest.append(client)

    swap(stack, Records, "claimed", mistake)


def _name_who_came_since(stack: ExitStack) -> None:
    """A record in use is written anew whenever somebody comes; that of the end is true."""
    claimed = Records.claimed
    latest = [""]

    def mistake(self: Records, pod: Backend, client: str, at: datetime) -> None:
        latest[0] = client
        for record in self._records.values():
            if record.story.wanted is Phase.IN_USE:
                self._queue(record)
        claimed(self, pod, client, at)

    def anew(story: Story, record: IsolationPod, instance: str) -> Json | None:
        if story.wanted is record.status.phase is Phase.IN_USE and record.status.client != latest[0]:
            story = replace(story, client=latest[0])
            record = replace(record, status=replace(record.status, phase=Phase.IDLE))
        return next_patch(story, record, instance)

    swap(stack, Records, "claimed", mistake)
    swap(stack, records, "next_patch", anew)


def _count_from_the_claim(stack: ExitStack) -> None:
    entry_of = Sessions._entry

    def entry(self: Sessions, connection: Connection, outcome: Outcome) -> Entry:
        true = entry_of(self, connection, outcome)
        return replace(true, duration=true.duration - true.queued)

    swap(stack, Sessions, "_entry", entry)


def _count_the_last_dial_alone(stack: ExitStack) -> None:
    entry_of = Sessions._entry

    def entry(self: Sessions, connection: Connection, outcome: Outcome) -> Entry:
        return replace(entry_of(self, connection, outcome), attempts=min(1, connection.session.dials))

    swap(stack, Sessions, "_entry", entry)


def _never_say_in_use(stack: ExitStack) -> None:
    swap(stack, Records, "_grew_old", lambda self, record: None)


MUTATIONS = (
    Mutation("who broke off is told as completed", ("I3",), _call_it_completed),
    Mutation("what broke off is recorded as completed", ("I3",), _record_completed),
    Mutation(
        "a record is written whatever it says by now",
        ("I3",),
        _record_without_looking,
        "a_use_that_is_written_when_it_is_over",
    ),
    Mutation("a pod that did not answer is returned as unused", ("I3",), _return_what_was_dialled),
    Mutation("a record names the client before", ("I3",), _name_the_one_before),
    Mutation(
        "a record in use names whoever came last",
        ("I3",),
        _name_who_came_since,
        "clients_that_come_while_another_stays",
    ),
    Mutation("how long a connection took is told without its wait", ("I3",), _count_from_the_claim),
    Mutation("of the dials of a connection the log tells of the last", ("I3",), _count_the_last_dial_alone),
    Mutation("that a pod is in use is never written", ("I3",), _never_say_in_use, "a_session_that_lasts"),
    Mutation("a proxy says that it has ended when its drain begins", ("I2",), _end_at_the_beginning),
)
