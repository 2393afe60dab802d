"""What an engine makes of the Dockerfile, beside our image that is made without one; test_images_run.py runs both."""

import importlib.util
from pathlib import PurePath

import pytest

import isoproxy
from test.cluster.images import built, ours
from test.cluster.images.contents import Contents, Entry, contents
from test.cluster.images.python import PYTHON, SITE
from test.cluster.programs import cache_folder

pytestmark = [pytest.mark.needs_program("buildah"), pytest.mark.needs_cluster("node")]

PLACE = "opt/isoproxy"
PACKAGES = f"{PLACE}/lib/{PYTHON}/site-packages"
UNCHECKED = (1).to_bytes(4, "little")
"""Says of a compiled file that nothing is compared with its source (PEP 552)."""
TOLD_APART = {
    "RECORD",  # has the programs of a package, of which the one image keeps twistd alone
    "direct_url.json",  # says where the wheel was
}


@pytest.fixture(scope="module")
def image() -> Contents:
    return contents(built.archive(cache_folder() / "images"))


@pytest.fixture(scope="module")
def plain() -> Contents:
    """The image that is made without an engine."""
    return contents(ours.archive(cache_folder() / "images"))


def test_it_runs_the_same_program_as_the_same_user(image: Contents, plain: Contents) -> None:
    assert image.config["User"] == "65532:65532"
    for name in ("User", "Entrypoint", "WorkingDir", "ExposedPorts"):
        assert image.config[name] == plain.config[name]
    assert not image.config.get("Cmd")  # its base's would be arguments of isoproxy
    variables = dict(variable.split("=", 1) for variable in image.config["Env"])
    assert variables["TMPDIR"] == ours.CONFIG.env["TMPDIR"]
    program = next(f"{folder[1:]}/twistd" for folder in variables["PATH"].split(":"))
    assert image.entries()[program].is_program


def test_its_labels_say_what_it_is_made_of(image: Contents) -> None:
    told = {
        "org.opencontainers.image.version": isoproxy.__version__,
        "org.opencontainers.image.revision": built.REVISION,
    }
    assert image.config["Labels"].items() >= {**ours.CONFIG.labels, **told}.items()


def test_the_packages_are_the_same_file_by_file(image: Contents, plain: Contents) -> None:
    found, expected = (_compared(one.below(place)) for one, place in ((image, PACKAGES), (plain, SITE)))
    assert f"isoproxy-{isoproxy.__version__}.dist-info" in found
    assert found == expected


def _compared(entries: dict[str, Entry]) -> dict[str, tuple[int, str, str]]:
    """Return what is to be the same of each entry; of what is compiled, which has in it where it is, the name alone."""
    apart = {name for name in entries if PurePath(name).name in TOLD_APART or name.endswith((".pyc", "dropin.cache"))}
    return {name: (entry.mode, entry.link, "" if name in apart else entry.digest) for name, entry in entries.items()}


def test_what_is_compiled_stays_of_use_whatever_becomes_of_the_times_of_files(image: Contents) -> None:
    heads = {entry.head[:8] for name, entry in image.below(PACKAGES).items() if name.endswith(".pyc")}
    assert heads == {importlib.util.MAGIC_NUMBER + UNCHECKED}


def test_plugins_need_not_be_looked_for(image: Contents) -> None:
    times = {name: entry.time for name, entry in image.below(f"{PACKAGES}/twisted/plugins").items()}
    youngest = times.pop("dropin.cache")
    assert "isoproxy_plugin.py" in times
    assert youngest > max(times.values())


def test_it_adds_to_its_base_nothing_but_isoproxy(image: Contents) -> None:
    # Beside it there is what Python has compiled of its own, and empty files and folders that buildah mounts over.
    added = {name for name, entry in image.layers[-1].items() if entry.is_file and entry.head}
    assert {name for name in added if "/__pycache__/" not in name and not name.startswith(f"{PLACE}/")} == set()


def test_it_has_nothing_to_build_or_install_with(image: Contents) -> None:
    programs = {PurePath(name).name for name, entry in image.entries().items() if entry.is_program or entry.link}
    assert not programs & {"gcc", "cc", "c99", "ld", "as", "make"}
    added = {PurePath(name).name for name in image.below(f"{PLACE}/bin")}
    assert not [name for name in added if name.startswith("pip")]
    assert not [name for name in image.below(PACKAGES) if name.split("/")[0] in ("pip", "setuptools", "build", "mypy")]
