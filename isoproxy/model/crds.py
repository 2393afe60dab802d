"""The CustomResourceDefinitions that ship with the package (one source: ``crds/`` at the top of the tree)."""

from importlib import resources

import yaml

from isoproxy.model.parsing import Json


def load() -> list[Json]:
    """Return the CRDs as manifests, in the order of their file names."""
    folder = resources.files("isoproxy") / "crds"
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".yaml")), key=lambda item: item.name)
    return [yaml.safe_load(item.read_text(encoding="utf-8")) for item in files]
