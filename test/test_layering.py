"""Arrows point inward: tap -> shells -> pure modules. Read off the syntax trees of the package, nothing is imported.

Why not import-linter: it sees other libraries only by their top-level name, so it can not tell a type from
``twisted.internet.interfaces`` from the global reactor, and it does not see the standard library at all.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

TREE = Path(__file__).parent.parent
PACKAGE = TREE / "isoproxy"

# What each part may import of the others; itself always. Nothing may import the composition root.
MAY_IMPORT: dict[str, set[str]] = {
    "model": set(),
    "kube": {"model"},
    "observe": {"kube", "model"},
    "operator": {"kube", "model", "observe"},
    "proxy": {"kube", "model", "observe"},
    "local": {"kube", "model", "observe"},
    "tap": {"kube", "local", "model", "observe", "operator", "proxy"},
}

# Decisions: what they return depends on their arguments alone.
PURE = [
    "model/*.py",
    "kube/errors.py",
    "kube/resources.py",
    "operator/actions.py",
    "operator/liveness.py",
]

# What a pure module can not have: a reactor, a clock, I/O, randomness, processes, logs.
EFFECTS = {
    "asyncio", "http", "io", "kubernetes", "logging", "multiprocessing", "os", "pathlib", "prometheus_client", "queue",
    "random", "secrets", "select", "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile",
    "threading", "time", "treq", "twisted", "txaio", "urllib.request", "uuid",
}  # fmt: skip
CLOCK_READS = {"now", "today", "utcnow"}

# The global reactor itself, and functions of Twisted that reach for it without being given one.
GLOBAL_REACTOR = {
    "prometheus_client.twisted",
    "twisted.internet.reactor",
    "twisted.internet.task.coiterate",
    "twisted.internet.task.cooperate",
    "twisted.internet.task.react",
    "twisted.internet.threads.callMultipleInThread",
    "twisted.internet.threads.deferToThread",
}


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, and every name that it imports, wherever in the file."""

    path: Path
    name: str
    tree: ast.Module
    imports: frozenset[str]

    @property
    def part(self) -> str:
        """The package below isoproxy, or the module right below it, that it belongs to."""
        return [*self.name.split("."), ""][1]

    @property
    def where(self) -> str:
        return str(self.path.relative_to(PACKAGE))


def imported_names(tree: ast.Module) -> Iterator[str]:
    """Yield the dotted names imported; ``from a import b`` yields a.b, which is a module or something in one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports are not read here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(TREE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(), str(path))
        found.append(Module(path, name, tree, frozenset(imported_names(tree))))
    return tuple(found)


def is_within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def pure_modules() -> list[Module]:
    return [module for module in modules() if any(module.path.relative_to(PACKAGE).match(glob) for glob in PURE)]


def ours(module: Module) -> set[str]:
    """The parts of isoproxy, other than its own, that a module imports."""
    names = {name.split(".")[1] for name in module.imports if name.startswith("isoproxy.")}
    return {name for name in names if name in MAY_IMPORT} - {module.part}


def test_every_part_has_its_place_in_the_order() -> None:
    assert {module.part for module in modules()} - {""} <= MAY_IMPORT.keys()


def test_the_order_has_no_cycle() -> None:
    settled: set[str] = set()
    while ready := {part for part, inner in MAY_IMPORT.items() if part not in settled and inner <= settled}:
        settled |= ready
    assert settled == MAY_IMPORT.keys()


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_a_part_imports_only_what_lies_further_in(part: str) -> None:
    outward = {m.where: ours(m) - MAY_IMPORT[part] for m in modules() if m.part == part}
    assert not {where: names for where, names in outward.items() if names}


def test_only_the_composition_root_reaches_for_the_global_reactor() -> None:
    offenders = {m.where: m.imports & GLOBAL_REACTOR for m in modules() if m.part != "tap"}
    assert not {where: names for where, names in offenders.items() if names}


@pytest.mark.parametrize("glob", PURE)
def test_every_entry_of_the_pure_list_names_files(glob: str) -> None:
    assert list(PACKAGE.glob(glob))


@pytest.mark.parametrize("module", pure_modules(), ids=lambda module: module.where)
class TestPureModule:
    def test_has_no_effects(self, module: Module) -> None:
        assert not {name for name in module.imports if any(is_within(name, effect) for effect in EFFECTS)}

    def test_is_told_the_time(self, module: Module) -> None:
        calls = (node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call))
        assert not [f.lineno for f in calls if isinstance(f, ast.Attribute) and f.attr in CLOCK_READS]

    def test_rests_on_pure_modules_only(self, module: Module) -> None:
        pure = {m.name for m in pure_modules()}
        impure = {m.name for m in modules()} - pure - {"isoproxy"} - {m.name for m in modules() if is_package(m)}
        assert not {name for name in module.imports if any(is_within(name, other) for other in impure)}


def is_package(module: Module) -> bool:
    return module.path.name == "__init__.py"
