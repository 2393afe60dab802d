"""Arrows point inward: tap -> shells -> pure modules. Read off the syntax trees of the package, nothing is imported.

Why not import-linter: it sees other libraries only by their top-level name, so it can not tell a type from
``twisted.internet.interfaces`` from the global reactor, and it does not see the standard library at all.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

TREE = Path(__file__).parent.parent
PACKAGE = TREE / "isoproxy"

# What each part may import of the others; itself always. Nothing imports the composition root.
MAY_IMPORT: dict[str, set[str]] = {
    "model": set(),
    "exitstatus": set(),
    "timesource": set(),
    "boundedsite": set(),
    "listening": set(),
    "openfiles": set(),
    "kube": {"model", "timesource"},
    "observe": {"boundedsite", "kube", "model", "timesource"},
    "operator": {"kube", "model", "observe", "timesource"},
    "proxy": {"kube", "model", "observe", "openfiles", "timesource"},
    "settings": {"kube", "model"},
    "local": {"boundedsite", "kube", "listening", "model", "observe", "openfiles", "settings", "timesource"},
    "app": {
        "kube",
        "listening",
        "local",
        "model",
        "observe",
        "openfiles",
        "operator",
        "proxy",
        "settings",
        "timesource",
    },
    "optionrules": {"settings"},
    "tap": {"app", "exitstatus", "kube", "model", "optionrules", "settings", "timesource"},
}

# Decisions: what they return depends on their arguments alone. A module (or a package, for all that is in it) whose
# docstring says "Pure." is held to it; of these nobody may take it back.
PURE = [
    "kube/errors.py",
    "kube/resources.py",
    "kube/retry.py",
    "model/*.py",
    "local/apiserver/logs.py",
    "local/runtime/addresses.py",
    "local/runtime/arguments.py",
    "local/runtime/environment.py",
    "local/runtime/facts.py",
    "local/runtime/heartbeat.py",
    "local/runtime/output.py",
    "local/runtime/podspec.py",
    "local/runtime/probespec.py",
    "local/runtime/restarts.py",
    "local/runtime/status.py",
    "local/runtime/supervisor/wire.py",
    "local/runtime/variables.py",
    "operator/actions.py",
    "operator/expectations.py",
    "operator/liveness.py",
    "operator/observed.py",
    "operator/pacing.py",
    "operator/planner.py",
    "operator/pool.py",
    "operator/sharing.py",
    "operator/standing.py",
    "operator/status.py",
    "proxy/recording.py",
    "proxy/relay/decide.py",
    "proxy/session.py",
    "proxy/stock.py",
]
SAYS_PURE = re.compile(r"\bPure[.:;,]")

# What a pure module can not have: a reactor, a clock, I/O, randomness, processes, logs.
EFFECTS = {
    "asyncio", "http", "io", "kubernetes", "logging", "multiprocessing", "os", "pathlib", "prometheus_client", "queue",
    "random", "secrets", "select", "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile",
    "threading", "time", "treq", "twisted", "txaio", "urllib.request", "uuid",
}  # fmt: skip
CLOCK_READS = {"date.today", "datetime.now", "datetime.today", "datetime.utcnow"}

# Types and constants out of modules that otherwise have effects: a source of chance may be handed in, for one.
INERT = {
    "kubernetes.client.models",
    "random.Random",
    "select.EPOLLET",
    "select.EPOLLIN",
    "select.EPOLLOUT",
    "twisted.internet.interfaces",
    "uuid.UUID",
}

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
        """The package below isoproxy (or the tests), or the module right below it, that it belongs to."""
        return [*self.name.split("."), ""][1]

    @property
    def where(self) -> str:
        return str(self.path.relative_to(PACKAGE))


def imported_names(tree: ast.Module) -> Iterator[str]:
    """Yield the dotted names imported.

    ``from a import b`` yields a.b, which is a module or something in one; ``import a`` yields what the file uses of
    it, such as a.b, or a itself where that can not be seen.
    """
    used = list(attributes(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                inside = [name for name in used if alias.asname is None and name.startswith(alias.name + ".")]
                yield from inside or [alias.name]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports are not read here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def attributes(tree: ast.AST) -> Iterator[str]:
    """Yield every ``a.b``, ``a.b.c`` and so on of the file, as written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


@cache
def modules(package: Path = PACKAGE) -> tuple[Module, ...]:
    found = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(TREE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(), str(path))
        found.append(Module(path, name, tree, frozenset(imported_names(tree))))
    return tuple(found)


def is_within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def says_pure(module: Module) -> bool:
    """Whether its docstring, or that of a package around it, declares it pure."""
    names = module.name.split(".")
    around = {".".join(names[:depth]) for depth in range(2, len(names) + 1)}
    docstrings = (ast.get_docstring(m.tree) or "" for m in modules() if m.name in around)
    return any(SAYS_PURE.search(docstring) for docstring in docstrings)


def pure_modules() -> list[Module]:
    listed = {path for glob in PURE for path in PACKAGE.glob(glob)}
    return [module for module in modules() if module.path in listed or says_pure(module)]


def closure(module: Module) -> dict[str, Module]:
    """The module and all those of ours that it imports, directly or not."""
    found: dict[str, Module] = {}
    new = {module.name: module}
    while new:
        found |= new
        wanted = {name for m in new.values() for name in m.imports}
        wanted |= {name.rpartition(".")[0] for name in wanted}  # ``from a.b import c`` is of a.b where c is no module
        new = {m.name: m for m in modules() if m.name in wanted - found.keys() and m.name != "isoproxy"}
    return found


def effects(module: Module) -> set[str]:
    suspect = {name for name in module.imports if any(is_within(name, effect) for effect in EFFECTS)}
    return {name for name in suspect if not any(is_within(name, inert) for inert in INERT)}


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


def test_the_packages_of_the_tests_do_not_import_each_other() -> None:
    inner: defaultdict[str, set[str]] = defaultdict(set)
    for module in modules(TREE / "test"):
        parts = {name.split(".")[1] for name in module.imports if name.startswith("test.")}
        inner[module.part] |= parts - {module.part}
    TopologicalSorter(inner).prepare()  # a CycleError names those that do


def test_only_the_composition_root_reaches_for_the_global_reactor() -> None:
    offenders = {m.where: m.imports & GLOBAL_REACTOR for m in modules() if m.part != "tap"}
    assert not {where: names for where, names in offenders.items() if names}


@pytest.mark.parametrize("glob", PURE)
def test_every_entry_of_the_pure_list_names_files(glob: str) -> None:
    assert list(PACKAGE.glob(glob))


@pytest.mark.parametrize("module", pure_modules(), ids=lambda module: module.where)
class TestPureModule:
    def test_has_no_effects_and_rests_on_nothing_that_has(self, module: Module) -> None:
        found = {m.where: effects(m) for m in closure(module).values()}
        assert not {where: names for where, names in found.items() if names}

    def test_is_told_the_time(self, module: Module) -> None:
        names = attributes(module.tree)
        assert not [name for name in names if any(f".{name}".endswith(f".{read}") for read in CLOCK_READS)]
