"""What is to happen to a world, drawn from a seed: a list of happenings, of which any may be left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

FAULTLESS_SECONDS = 5.0
LONGEST_SECONDS = 75.0
ALWAYS = ("visit", "crowd")
"""In every run."""


@dataclass(frozen=True, slots=True, order=True)
class Happening:
    """At some second, something; ``which`` and ``amount``, in [0, 1), say to whom and how much, whatever there is."""

    at: float
    kind: str
    which: float
    amount: float

    def __str__(self) -> str:
        return f"{self.at:.3f} {self.kind} {self.which:.3f} {self.amount:.3f}"


@dataclass(frozen=True, slots=True)
class Script:
    """One run: the seed of all that is left to chance, what is there at the start, and what happens."""

    seed: int
    services: tuple[Mapping[str, Any], ...] = ({"image": "good:1", "replicas": 3},)
    proxies: int = 2
    operators: int = 1
    elects: bool = False
    seconds: float = LONGEST_SECONDS
    drift: float = 0.0
    happenings: tuple[Happening, ...] = field(default=())


def draw(seed: int, likelihoods: Mapping[str, float]) -> Script:
    """Return the script of a seed; ``likelihoods`` are of everything that can happen, by its name."""
    random = Random(f"script {seed}")
    elects = random.random() < 0.4
    seconds = random.uniform(10.0, LONGEST_SECONDS)
    # Few kinds in one run, but often: what they do together shows.
    kinds = [kind for kind in likelihoods if kind in ALWAYS or random.random() < 0.4]
    happenings = []
    at = FAULTLESS_SECONDS * random.random()
    pace = random.choice([0.3, 1.0, 3.0])
    while at < seconds:
        [kind] = random.choices(kinds, [likelihoods[kind] for kind in kinds])
        happenings.append(Happening(round(at, 4), kind, _share(random), _share(random)))
        at += random.expovariate(1.0 / pace)
    return Script(
        seed=seed,
        services=tuple(_service(random) for _ in range(random.choice([1, 1, 2]))),
        proxies=random.choice([1, 1, 2, 3]),
        operators=random.choice([1, 2]) if elects else 1,
        elects=elects,
        seconds=seconds,
        drift=random.choice([0.0, 0.02]),
        happenings=tuple(happenings),
    )


def _share(random: Random) -> float:
    return random.randrange(10_000) / 10_000


def _service(random: Random) -> Mapping[str, Any]:
    replicas = random.randrange(0, 6)
    spec: dict[str, Any] = {"image": random.choice(["good:1", "good:1", "slow:1", "flaps:1"]), "replicas": replicas}
    if random.random() < 0.4:
        spec["maxPods"] = replicas + random.randrange(0, 3) or 1
    spec["queue"] = {"timeoutSeconds": random.choice([3, 30]), "maxLength": random.choice([0, 2, 50])}
    spec["session"] = _limits(random)
    return spec


def _limits(random: Random) -> Mapping[str, int]:
    """Not every service bounds its connections: those that do not must not end any."""
    limits = {"connectTimeoutSeconds": random.choice([1, 5])}
    if random.random() < 0.6:
        limits["maxDurationSeconds"] = random.choice([5, 20, 60])
    if random.random() < 0.4:
        limits["idleTimeoutSeconds"] = random.choice([2, 10])
    return limits
