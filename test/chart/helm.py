"""Runs helm, and finds its way in what it renders."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from test.cluster.programs import program

Json = dict[str, Any]

TREE = Path(__file__).parents[2]
CHART = TREE / "chart"
RELEASE = "isolation-proxy-operator"
NAMESPACE = "isolation-proxy-system"
_SECONDS = 120.0


class HelmError(Exception):
    """helm refused; the message is its own."""


def helm(*arguments: str | Path, values: Mapping[str, Any] | None = None, kubeconfig: Path | None = None) -> str:
    """Return what helm printed; raises HelmError. Without a ``kubeconfig`` it knows no cluster.

    ``values`` are named with dots.
    """
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": str(kubeconfig or Path(home, "none"))}
        done = subprocess.run(
            [program("helm"), *arguments, *(["--values=-"] if values else [])],
            env=environment,
            input=json.dumps(_nested(values or {})),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    if done.returncode:
        raise HelmError(f"{arguments[0]}: {done.stderr}{done.stdout}")
    return done.stdout


def _nested(values: Mapping[str, Any]) -> Json:
    nested: Json = {}
    for name, value in values.items():
        *folders, last = name.split(".")
        inner = nested
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[last] = value
    return nested


def rendered(
    values: Mapping[str, Any] | None = None, *options: str, chart: Path = CHART, release: str = RELEASE
) -> list[Json]:
    """Return the objects of the chart with some values set, for a server of today; raises HelmError."""
    return parsed(template(values, *options, chart=chart, release=release))


def template(
    values: Mapping[str, Any] | None = None, *options: str, chart: Path = CHART, release: str = RELEASE
) -> str:
    """Return what helm would send to a server of the version that the options say; raises HelmError."""
    return helm("template", release, chart, f"--namespace={NAMESPACE}", *options, values=values)


def parsed(text: str) -> list[Json]:
    """Return the objects in a text of YAML."""
    # The loader in C, for there is much to read; every wheel of PyYAML has it.
    return [found for found in yaml.load_all(text, yaml.CSafeLoader) if found is not None]


def of_kind(objects: list[Json], kind: str, suffix: str = "") -> list[Json]:
    """Return the objects of a kind whose names end in ``suffix``."""
    return [found for found in objects if found["kind"] == kind and found["metadata"]["name"].endswith(suffix)]


def look(objects: list[Json], address: str) -> Any:
    """Return what is at ``KIND[/SUFFIX] PATH``, such as ``Deployment spec.template.spec.containers.0.image``.

    None stands for what is not there, be it the object or the field; a key that holds dots is written with ~ for them.
    """
    where, _, path = address.partition(" ")
    kind, _, suffix = where.partition("/")
    found = of_kind(objects, kind, suffix)
    assert len(found) <= 1, f"several are {where}: {[one['metadata']['name'] for one in found]}"
    value: Any = found[0] if found else None
    for key in path.split("."):
        if isinstance(value, list):
            value = value[int(key)] if int(key) < len(value) else None
        else:
            value = (value or {}).get(key.replace("~", "."))
    return value
