"""Says which promises were broken, by what was seen from outside: I1 to I3, I5 and I6 of the design. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from test.running.accesslog import Entry
from test.soak.doings import Deed
from test.soak.seat import Run
from test.soak.visits import End, Manner, Visit

_UNSERVED = {"queue_full", "queue_timeout", "dial_failed", "client_gone", "drained", "backend_reset"}
"""How a connection may have ended whose visitor never heard of a pod, and did not want to leave."""
_OWN = {
    Manner.BRIEF: {"completed"},
    Manner.STAYS: {"completed"},
    Manner.SENDS: {"completed"},
    Manner.RESETS: {"client_reset"},
    Manner.HANGS_UP: {"client_gone", "client_reset", "completed", "queue_full"},
}
"""How the proxy may call it when a visitor does as it means to."""
_OTHERS = {"backend_reset", "drained"}
"""How the proxy calls it when the pod or the service is ended."""
_TELLING_SECONDS = 15.0
"""How late a proxy may tell of a visit that is over: it may have been stopped then, or packets of its pod's lost."""
_HEARD_SECONDS = 30.0
"""How long a proxy may go on by a service that is gone, where its ways to the API server fail too."""

_Deeds = Mapping[tuple[str, str], Sequence[float]]
"""When something of a kind and a name may have been ended."""


def broken(
    visits: Sequence[Visit], deeds: Sequence[Deed], logs: Mapping[str, Sequence[tuple[Run, Sequence[Entry]]]]
) -> list[str]:
    """Return what is wrong. ``logs`` has for each seat its processes, and what each told of its connections."""
    by_name = defaultdict(list)
    for deed in deeds:
        by_name[deed.kind, deed.name].append(deed.at)
    return [*_pods(visits), *_ends(visits, by_name), *_lines(visits, by_name, logs)]


def _pods(visits: Iterable[Visit]) -> Iterator[str]:
    """I1: no pod meets two connections."""
    first: dict[str, Visit] = {}
    for visit in visits:
        if not visit.pod:
            continue
        if visit.serial != 1:
            yield f"I1: not the pod's first connection: {visit}"
        if visit.pod in first:
            yield f"I1: {visit} and {first[visit.pod]}"
        first[visit.pod] = visit


def _ends(visits: Iterable[Visit], deeds: _Deeds) -> Iterator[str]:
    """I2: nobody is cut off but for a reason. I5: nobody waits for ever. I6: what is sent is what comes."""
    for visit in visits:
        if visit.end is End.GARBLED:
            yield f"I6: {visit}"
        elif visit.end is End.TOO_LONG:
            yield f"I5: {visit}"
        elif visit.end is End.CUT and not _is_excused(visit, deeds):
            yield f"I2: {visit}"


def _is_excused(visit: Visit, deeds: _Deeds) -> bool:
    """Whether the pod, its service or its proxy was ended by us."""
    if any(at <= visit.ended for at in deeds.get(("pod", visit.pod), ())):
        return True
    if any(visit.began - _HEARD_SECONDS <= at <= visit.ended for at in deeds.get(("service", visit.service), ())):
        return True
    # Who connected while one process followed another may have met either.
    return visit.run is None or (visit.run.ended is not None and visit.run.ended <= visit.ended)


def _lines(
    visits: Iterable[Visit], deeds: _Deeds, logs: Mapping[str, Sequence[tuple[Run, Sequence[Entry]]]]
) -> Iterator[str]:
    """I3: each connection is told once, by a proxy that lives, and as what it was."""
    theirs: dict[int, dict[str, list[Visit]]] = defaultdict(lambda: defaultdict(list))
    for visit in visits:
        if visit.run is not None and visit.port:
            theirs[id(visit.run)][f"127.0.0.1:{visit.port}"].append(visit)
    for seat, runs in logs.items():
        for run, entries in runs:
            told = defaultdict(list)
            for entry in entries:
                told[entry["client"]].append(entry)
            for client, made in theirs[id(run)].items():
                yield from _compare(seat, run, made, told[client], deeds)


def _compare(seat: str, run: Run, made: Sequence[Visit], told: Sequence[Entry], deeds: _Deeds) -> Iterator[str]:
    """Compare the visits from one port (an hour uses ports again) with the lines about it."""
    due = sum(_must_be_told(visit, run) for visit in made)
    if not due <= len(told) <= len(made):
        yield f"I3: {seat} tells {len(told)} times of {len(made)} connections, the last being {made[-1]}"
    if len(made) == len(told) == 1 and (wrong := _misnamed(made[0], told[0], deeds)):
        yield f"I3: {seat} calls it {wrong}: {made[0]}"


def _must_be_told(visit: Visit, run: Run) -> bool:
    if run.ended is None:
        return visit.end is not End.REFUSED
    # What a killed process did not come to say is lost; one that is asked to end may not have accepted it yet.
    return visit.ended < run.ended - _TELLING_SECONDS or (run.clean and bool(visit.pod))


def _misnamed(visit: Visit, entry: Entry, deeds: _Deeds) -> str:
    outcome = entry["outcome"]
    if outcome == "error":
        return outcome
    if outcome == "drained" and visit.run is not None and visit.run.clean:
        return ""  # it may have meant to leave just when its proxy's time was over
    if visit.end is End.AS_MEANT and outcome not in _OWN[visit.manner]:
        # It may have left just when its pod or its service was ended, and before it heard of that.
        return "" if outcome in _OTHERS and _is_excused(visit, deeds) else outcome
    if visit.end is End.TURNED_AWAY and outcome not in _UNSERVED:
        return outcome
    if visit.pod and entry["pod"] != visit.pod:
        return f"{outcome} of {entry['pod']}"
    return ""


def outcomes(visits: Iterable[Visit]) -> Counter[str]:
    """Count how visits ended."""
    return Counter(visit.end.value for visit in visits)
