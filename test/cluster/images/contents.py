"""What is in an image, read from its archive."""

import hashlib
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_HEAD = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, folder or link of an image; of what is no file, the last two are empty."""

    mode: int
    time: float
    link: str  # where a link points
    is_file: bool
    digest: str
    head: bytes  # the first bytes

    @property
    def is_program(self) -> bool:
        """Whether somebody may run it."""
        return self.is_file and bool(self.mode & 0o111)


Layer = Mapping[str, Entry]
"""What a layer holds, by its path."""


@dataclass(frozen=True, slots=True)
class Contents:
    """An image: how it is run, as OCI's image specification has it, and its layers."""

    config: Mapping[str, Any]
    layers: Sequence[Layer]

    def entries(self) -> dict[str, Entry]:
        """Return what a container sees: later layers lie above earlier ones. None of ours removes anything."""
        return {name: entry for layer in self.layers for name, entry in layer.items()}

    def below(self, folder: str) -> dict[str, Entry]:
        """Return what is in a folder, by its path in there."""
        start = f"{folder}/"
        return {name.removeprefix(start): entry for name, entry in self.entries().items() if name.startswith(start)}


def contents(archive: Path) -> Contents:
    """Read an archive as ``docker save`` writes it."""
    with tarfile.open(archive) as image:
        (manifest,) = json.load(_opened(image, "manifest.json"))
        config = json.load(_opened(image, manifest["Config"]))["config"]
        return Contents(config, [_layer(_opened(image, name)) for name in manifest["Layers"]])


def _layer(file: IO[bytes]) -> Layer:
    with tarfile.open(fileobj=file) as layer:
        return {member.name: _entry(layer, member) for member in layer}


def _entry(layer: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    content = _opened(layer, member.name).read() if member.isfile() else b""
    digest = hashlib.sha256(content).hexdigest() if member.isfile() else ""
    # The type of a file is among the bits of its mode with some, and not with others.
    return Entry(member.mode & 0o7777, member.mtime, member.linkname, member.isfile(), digest, content[:_HEAD])


def _opened(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    assert file is not None, f"{name} is no file"
    return file
