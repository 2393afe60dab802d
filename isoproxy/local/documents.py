"""The manifests that a local start is given: files, folders and standard input, as single documents."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from isoproxy.kube.resources import Json

STDIN = "-"
SUFFIXES = (".yaml", ".yml", ".json")
MOST_BYTES = 16 * 1024 * 1024


class UnreadableManifest(Exception):
    """A source cannot be read, or one of its documents is no manifest; the message is one line naming both."""


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: what looks like a date is a string."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Document:
    """One manifest and where it was found."""

    source: str
    number: int
    manifest: Json

    @property
    def place(self) -> str:
        """File and document, as errors name it."""
        return f"{self.source}, document {self.number}"

    def __str__(self) -> str:
        meta = self.manifest["metadata"]
        return f"{self.place}: {self.manifest['kind']} {meta.get('namespace', 'default')}/{meta['name']}"


def read(sources: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield ``(name, text)`` of each source: a file, every manifest directly in a folder, or ``-``.

    Raises UnreadableManifest where there is nothing to read.
    """
    for source in sources:
        if source == STDIN:
            yield "standard input", sys.stdin.read(MOST_BYTES)
            continue
        path = Path(source)
        if path.is_dir():
            found = sorted(item for item in path.iterdir() if item.suffix in SUFFIXES and item.is_file())
            if not found:
                raise UnreadableManifest(f"{source}: no {', '.join(SUFFIXES)} file in this folder")
            yield from ((str(item), _text(item)) for item in found)
        else:
            yield source, _text(path)


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MOST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UnreadableManifest(f"{path}: {problem}") from error
    if len(text) > MOST_BYTES:
        raise UnreadableManifest(f"{path}: larger than {MOST_BYTES} bytes")
    return text


def split(source: str, text: str) -> Iterator[Document | UnreadableManifest]:
    """Yield each document of ``text``, or what is wrong with it; nothing after a syntax error can be read."""
    number = 0
    try:
        for number, content in enumerate(yaml.load_all(text, Loader=_Loader), start=1):
            if content is not None:
                yield from _manifests(source, number, content)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not YAML"
        yield UnreadableManifest(f"{source}, document {number + 1}{line}: {problem}")


def _manifests(source: str, number: int, content: object) -> Iterator[Document | UnreadableManifest]:
    if isinstance(content, dict) and content.get("kind") == "List" and isinstance(content.get("items"), list):
        for item in content["items"]:
            yield from _manifests(source, number, item)
        return
    problem = _problem(content)
    if problem or not isinstance(content, dict):
        yield UnreadableManifest(f"{source}, document {number}: {problem}")
    else:
        yield Document(source, number, content)


def _problem(content: object) -> str:
    """Return what keeps ``content`` from being sent to an API server at all, or ``""``."""
    if not isinstance(content, dict):
        return f"a manifest is a mapping, not {type(content).__name__}"
    for field in ("apiVersion", "kind"):
        if not isinstance(content.get(field), str) or not content[field]:
            return f"{field}: missing"
    meta = content.get("metadata")
    if not isinstance(meta, dict):
        return "metadata: missing"
    if not isinstance(meta.get("name"), str) or not meta["name"]:
        return "metadata.name: missing"
    if not isinstance(meta.get("namespace", ""), str):
        return "metadata.namespace: not a string"
    return ""
