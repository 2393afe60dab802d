"""The manifests that a local start is given: files, folders and standard input, as single documents."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from isoproxy.kube.resources import Json
from isoproxy.local.yamltext import read_yaml
from isoproxy.model.text import one_line

STDIN = "-"
SUFFIXES = (".yaml", ".yml", ".json")
MOST_BYTES = 16 * 1024 * 1024


class UnreadableManifest(Exception):
    """A source cannot be read, or one of its documents is no manifest; the message is one line naming both."""


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
        named = f"{self.manifest['kind']} {meta.get('namespace', 'default')}/{meta['name']}"
        return f"{self.place}: {one_line(named)}"


@dataclass(frozen=True, slots=True)
class Text:
    """The content of one source."""

    source: str
    text: str


def read(sources: Iterable[str]) -> Iterator[Text | UnreadableManifest]:
    """Yield the text of each source, or why there is none: a file, every manifest directly in a folder, or ``-``."""
    for source in sources:
        path = Path(source)
        if source == STDIN:
            yield _text("standard input", lambda: sys.stdin.buffer.read(MOST_BYTES + 1))
        elif path.is_dir():
            found = sorted(item for item in path.iterdir() if item.suffix in SUFFIXES and item.is_file())
            if not found:
                yield UnreadableManifest(f"{source}: no {', '.join(SUFFIXES)} file in this folder")
            yield from (_text(str(item), partial(_start_of, item)) for item in found)
        else:
            yield _text(source, partial(_start_of, path))


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _text(source: str, content: Callable[[], bytes]) -> Text | UnreadableManifest:
    try:
        octets = content()
        if len(octets) > MOST_BYTES:
            return UnreadableManifest(f"{source}: larger than {MOST_BYTES} bytes")
        return Text(source, octets.decode("utf-8"))
    except OSError as error:
        return UnreadableManifest(f"{source}: {error.strerror}")
    except UnicodeDecodeError:
        return UnreadableManifest(f"{source}: not UTF-8 text")


def split(source: str, text: str) -> Iterator[Document | UnreadableManifest]:
    """Yield each document of ``text``, or what is wrong with it; nothing after a syntax error can be read."""
    number = 0
    try:
        for number, content in enumerate(read_yaml(text), start=1):
            if content is not None:
                yield from _manifests(source, number, content)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not YAML"
        yield UnreadableManifest(f"{source}, document {number + 1}{line}: {one_line(problem)}")


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
