"""Images made of files: what is in the archives, and that the same input makes the same bytes."""

import hashlib
import json
import os
import socket
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from test.cluster.images import debian
from test.cluster.images.archive import Config, Layer, write_archive
from test.cluster.images.catalogue import PAUSE, TOOL, archives

NAME = "isoproxy.test/example:1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one of each kind."""
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "folder" / "file").write_text("what is in it")
    (root / "folder" / "file").chmod(0o4750)
    (root / "hard").hardlink_to(root / "folder" / "file")
    (root / "soft").symlink_to("folder/file")
    (root / ".hidden").touch()
    (root / "shared").mkdir()
    (root / "shared").chmod(0o1777)
    return root


def archived(path: Path, layers: list[Layer], config: Config | None = None) -> "Archive":
    write_archive(path, NAME, layers, config or Config())
    return Archive(path)


class Archive:
    """An archive as those who read it do: by way of its manifest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        (self.manifest,) = json.loads(self._content("manifest.json"))
        self.config_bytes = self._content(self.manifest["Config"])
        self.config: dict[str, Any] = json.loads(self.config_bytes)
        self.layers = [self._content(name) for name in self.manifest["Layers"]]

    def _content(self, name: str) -> bytes:
        with tarfile.open(self._path) as tar:
            file = tar.extractfile(name)
            assert file is not None
            return file.read()

    @contextmanager
    def layer(self, number: int, folder: Path) -> Iterator[tarfile.TarFile]:
        """Open a layer; it is put into a folder for that."""
        path = folder / f"layer-{number}"
        path.write_bytes(self.layers[number])
        with tarfile.open(path) as tar:
            yield tar


def test_an_archive_names_its_parts_by_their_checksums(tmp_path: Path, root: Path) -> None:
    archive = archived(tmp_path / "image.tar", [Layer(root)])
    digests = [hashlib.sha256(layer).hexdigest() for layer in archive.layers]
    assert archive.manifest["RepoTags"] == [NAME]
    assert archive.manifest["Config"] == f"{hashlib.sha256(archive.config_bytes).hexdigest()}.json"
    assert archive.config["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]}


def test_a_configuration_is_told_as_containers_know_it(tmp_path: Path, root: Path) -> None:
    config = Config(
        entrypoint=["/program"],
        cmd=["argument"],
        env={"PATH": "/bin", "NAME": "a=b"},
        user="1:2",
        working_dir="/folder",
        exposed_ports=["80/tcp"],
        labels={"a": "b"},
    )
    assert archived(tmp_path / "image.tar", [Layer(root)], config).config["config"] == {
        "Entrypoint": ["/program"],
        "Cmd": ["argument"],
        "Env": ["PATH=/bin", "NAME=a=b"],
        "User": "1:2",
        "WorkingDir": "/folder",
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"a": "b"},
    }


def test_a_layer_has_what_the_folder_has(tmp_path: Path, root: Path) -> None:
    with archived(tmp_path / "image.tar", [Layer(root)]).layer(0, tmp_path) as tar:
        names = [".hidden", "folder", "folder/file", "hard", "shared", "soft"]
        assert tar.getnames() == names
        hidden, folder, file, hard, shared, soft = map(tar.getmember, names)
        assert (hidden.isreg(), folder.isdir(), file.isreg(), shared.isdir()) == (True,) * 4
        assert (file.mode, shared.mode) == (0o4750, 0o1777)
        assert (hard.islnk(), hard.linkname) == (True, "folder/file")
        assert (soft.issym(), soft.linkname) == (True, "folder/file")
        content = tar.extractfile(file)
        assert content is not None
        assert content.read() == b"what is in it"


def test_all_is_roots_but_for_what_is_said_to_be_others(tmp_path: Path, root: Path) -> None:
    with archived(tmp_path / "image.tar", [Layer(root, {"shared": (7, 8)})]).layer(0, tmp_path) as tar:
        owners = {entry.name: (entry.uid, entry.gid) for entry in tar}
        assert owners.pop("shared") == (7, 8)
        assert set(owners.values()) == {(0, 0)}
        assert {(entry.uname, entry.gname) for entry in tar} == {("", "")}


def test_layers_keep_their_order(tmp_path: Path, root: Path) -> None:
    upper = tmp_path / "upper"
    upper.mkdir()
    (upper / "above").touch()
    archive = archived(tmp_path / "image.tar", [Layer(root), Layer(upper)])
    assert len(archive.layers) == 2
    with archive.layer(1, tmp_path) as tar:
        assert tar.getnames() == ["above"]


def test_the_same_input_makes_the_same_bytes(tmp_path: Path, root: Path) -> None:
    once, again, other = (tmp_path / name for name in ("once", "again", "other"))
    write_archive(once, NAME, [Layer(root)], Config())
    for path in root.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    write_archive(again, NAME, [Layer(root)], Config())
    write_archive(other, NAME, [Layer(root)], Config(user="1:1"))
    assert once.read_bytes() == again.read_bytes()
    assert once.read_bytes() != other.read_bytes()


def test_what_cannot_be_in_an_image_is_refused_and_nothing_is_written(tmp_path: Path, root: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    os.mkfifo(root / "fifo")
    with pytest.raises(ValueError, match=r"neither a file, a folder nor a link: .*/root/fifo"):
        write_archive(out / "image.tar", NAME, [Layer(root)], Config())
    (root / "fifo").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
        with pytest.raises(ValueError, match=r"neither a file, a folder nor a link: .*/root/socket"):
            write_archive(out / "image.tar", NAME, [Layer(root)], Config())
    assert list(out.iterdir()) == []


@pytest.fixture
def program(tmp_path: Path) -> Path:
    program = tmp_path / "program"
    program.write_text("a program")
    return program


def test_the_tools_image_has_the_program_two_tables_and_a_folder_to_write_to(tmp_path: Path, program: Path) -> None:
    (path,) = archives(tmp_path / "cache", program, [TOOL])
    archive = Archive(path)
    assert archive.manifest["RepoTags"] == [TOOL]
    assert archive.config["config"]["Entrypoint"] == ["/tool"]
    with archive.layer(0, tmp_path) as tar:
        modes = {entry.name: entry.mode for entry in tar}
        assert modes == {"etc": 0o755, "etc/group": 0o644, "etc/passwd": 0o644, "tmp": 0o1777, "tool": 0o755}
        users = tar.extractfile("etc/passwd")
        assert users is not None
        assert b"nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n" in users.read()


def test_an_image_is_made_once_and_again_when_its_program_changes(tmp_path: Path, program: Path) -> None:
    cache = tmp_path / "cache"
    first = archives(cache, program, [PAUSE, TOOL])
    made = [path.stat().st_ino for path in first]
    assert archives(cache, program, [PAUSE, TOOL]) == first
    assert [path.stat().st_ino for path in first] == made
    program.write_text("another program")
    assert not set(archives(cache, program, [PAUSE, TOOL])) & set(first)


def test_an_image_is_the_same_wherever_and_by_whomever_it_is_made(tmp_path: Path, program: Path) -> None:
    (one,) = archives(tmp_path / "one", program, [TOOL])
    program.chmod(0o600)
    mask = os.umask(0o077)
    try:
        (two,) = archives(tmp_path / "two", program, [TOOL])
    finally:
        os.umask(mask)
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.needs_program("apt-get", "dpkg-deb")
def test_a_tree_has_what_packages_hold_and_is_made_once(tmp_path: Path) -> None:
    tree = debian.tree(["netbase"], tmp_path)
    assert stat.S_IMODE((tree / "etc" / "services").stat().st_mode) == 0o644
    assert {name: os.readlink(tree / name) for name in ("bin", "lib")} == {"bin": "usr/bin", "lib": "usr/lib"}
    assert not (tree / "usr" / "share" / "doc").exists()
    made = tree.stat().st_ino
    assert debian.tree(["netbase"], tmp_path) == tree
    assert (tree.stat().st_ino, list(tmp_path.iterdir())) == (made, [tree])


@pytest.mark.needs_program("apt-get")
def test_what_apt_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lists").mkdir()
    settings = tmp_path / "apt.conf"  # of an apt that knows of no packages
    settings.write_text(
        f'Dir::State::Lists "{tmp_path}/lists"; Dir::Cache "{tmp_path}/cache";'
        'Dir::Etc::SourceList "/dev/null"; Dir::Etc::SourceParts "/dev/null";'
    )
    monkeypatch.setenv("APT_CONFIG", str(settings))
    with pytest.raises(debian.AptError, match=r"apt-get --simulate .* netbase: E: Unable to locate package"):
        debian.tree(["netbase"], tmp_path)


def test_where_there_is_no_apt_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(debian.AptError, match="apt-get"):
        debian.tree(["netbase"], tmp_path)
