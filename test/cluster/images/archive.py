"""Images as files: folders and a configuration become an archive as ``docker save`` writes it.

The same input gives the same bytes, so that an image keeps its digest: entries are in order, all of one time, and their
owners are numbers that the caller says, not whoever unpacked the folder.
"""

import hashlib
import json
import platform
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import Any

Owner = tuple[int, int]
"""A user's and a group's number."""

ROOT: Owner = (0, 0)
_ALLOWED = (tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_TIME = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a container of an image is run."""

    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""  # "uid:gid"; a name would have to be in the image
    working_dir: str = "/"
    exposed_ports: Sequence[str] = ()  # "8080/tcp"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layer:
    """What a folder holds. All of it is root's but for what is said to be others', by its path in the folder.

    What is ``later`` is a second younger than the rest.
    """

    root: Path
    owners: Mapping[str, Owner] = field(default_factory=dict)
    later: frozenset[str] = frozenset()


def write_archive(path: Path, name: str, layers: Sequence[Layer], config: Config) -> None:
    """Write the image ``name``, given with its tag, to ``path``; later layers lie on top of earlier ones.

    The file is there in full or not at all. Devices and sockets in a folder are a ``ValueError``.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as made:
        folder = Path(made)
        tars = [_write_layer(folder / f"layer-{number}", layer) for number, layer in enumerate(layers)]
        digests = [_digest(tar) for tar in tars]
        document = _json(_document(config, digests))
        config_name = f"{hashlib.sha256(document).hexdigest()}.json"
        layer_names = [f"{digest}.tar" for digest in digests]
        manifest = [{"Config": config_name, "RepoTags": [name], "Layers": layer_names}]
        with _tar(folder / "archive") as archive:
            _add(archive, config_name, document)
            for layer_name, tar in zip(layer_names, tars, strict=True):
                _add(archive, layer_name, tar)
            _add(archive, "manifest.json", _json(manifest))
        (folder / "archive").rename(path)


def _write_layer(path: Path, layer: Layer) -> Path:
    with _tar(path) as tar:
        for source in sorted(layer.root.rglob("*")):
            name = source.relative_to(layer.root).as_posix()
            entry: tarfile.TarInfo | None = tar.gettarinfo(source, name)  # None for a socket
            if entry is None or entry.type not in _ALLOWED:
                raise ValueError(f"neither a file, a folder nor a link: {source}")
            entry.uid, entry.gid = layer.owners.get(name, ROOT)
            entry.uname = entry.gname = ""
            entry.mtime = int(name in layer.later)
            if entry.isreg():
                with source.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)
    return path


def _document(config: Config, digests: Sequence[str]) -> dict[str, Any]:
    machine = platform.machine()
    return {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "created": _TIME,
        "config": {
            "Entrypoint": list(config.entrypoint),
            "Cmd": list(config.cmd),
            "Env": [f"{name}={value}" for name, value in config.env.items()],
            "User": config.user,
            "WorkingDir": config.working_dir,
            "ExposedPorts": {port: {} for port in config.exposed_ports},
            "Labels": dict(config.labels),
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created": _TIME} for _ in digests],
    }


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tar(path: Path) -> tarfile.TarFile:
    return tarfile.open(path, "w", format=tarfile.PAX_FORMAT)


def _add(tar: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    entry = tarfile.TarInfo(name)
    with BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
        entry.size = file.seek(0, SEEK_END)
        file.seek(0)
        tar.addfile(entry, file)
