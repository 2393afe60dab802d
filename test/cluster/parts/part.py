"""One part of a cluster. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Part:
    """A program that runs as long as the cluster, or until it is stopped."""

    name: str
    command: tuple[str, ...]
    health: str  # what answers once it works: a URL, or unix:PATH
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[Path, str] = field(default_factory=dict)  # to be written before it starts


def flags(**values: str | int) -> tuple[str, ...]:
    """Return ``--some-flag=value`` for each ``some_flag``."""
    return tuple(f"--{name.replace('_', '-')}={value}" for name, value in values.items())
