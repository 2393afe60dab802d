"""The images run: a containerd of the tests' own takes them in, and runc starts them."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from isoproxy.local.runtime.supervisor import procfs
from test.cluster.images.catalogue import PAUSE, REDIS, TOOL, archives
from test.cluster.images.tool import tool
from test.cluster.programs import cache_folder
from test.e2e.clients import who_serves
from test.e2e.process import Process
from test.e2e.waiting import BOUND, eventually
from test.local.runtime.support import free_port

pytestmark = pytest.mark.needs_program("apt-get", "containerd", "ctr", "dpkg-deb", "go", "runc", "unshare")

# All its processes die with the first, and nothing is mounted for others: they leave nothing, however a test ends.
APART = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
CONFIG = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{folder}/socket"
"""
NOBODY, REDIS_USER = 65534, 999


class Containerd(Process):
    """A containerd apart from any other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        config = folder / "config.toml"
        config.write_text(CONFIG.format(folder=folder))
        # The sockets of shims are in /run/containerd, whatever the configuration says. The shell stays, to collect the
        # dead: containerd would not.
        super().__init__([*APART, "sh", "-c", 'mount -t tmpfs none /run && containerd --config "$0"; exit', config])
        self.wait_for_log("successfully booted")

    def end(self) -> None:
        """End it as a user would, and hold it to leaving nothing behind."""
        (shell,) = procfs.children(self.pid)
        (containerd,) = procfs.children(shell)
        os.kill(containerd, signal.SIGTERM)
        assert self.wait() == 0
        assert self.offspring() == []
        assert str(self._folder) not in Path("/proc/self/mounts").read_text()

    def ctr(self, *arguments: str | Path) -> str:
        """Have it do something; return what is printed."""
        done = subprocess.run(self._command(*arguments), capture_output=True, text=True, timeout=BOUND, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, image: str, *command: str, host_network: bool = False, **environment: str) -> "Container":
        """Run an image, by its own command unless another is given."""
        name = f"test-{self.pid}"
        options = ["--rm", f"--cgroup=/{name}", f"--fifo-dir={self._folder}/fifos"]
        options += [f"--env={variable}={value}" for variable, value in environment.items()]
        options += ["--net-host"] if host_network else []
        return Container(self, name, self._command("run", *options, image, name, *command))

    def _command(self, *arguments: str | Path) -> list[str | Path]:
        return ["ctr", f"--address={self._folder}/socket", "--namespace=k8s.io", *arguments]

    def user_of(self, program: str) -> int | None:
        """Return who runs a program in one of the containers, or None if nobody does."""
        for pid in procfs.descendants(self.pid):
            with suppress(FileNotFoundError):
                if Path(f"/proc/{pid}/comm").read_text() == f"{program}\n":
                    return os.stat(f"/proc/{pid}").st_uid
        return None


class Container(Process):
    """A container that runs: its output and its end are the process's."""

    def __init__(self, containerd: Containerd, name: str, command: list[str | Path]) -> None:
        self._containerd, self._name = containerd, name
        super().__init__(command)

    def execute(self, *command: str) -> str:
        """Run a program in the container; return what it prints."""
        fifos = f"--fifo-dir={self.folder}/fifos"
        return self._containerd.ctr("task", "exec", fifos, "--exec-id=one", self._name, *command)

    def control_groups(self) -> list[Path]:
        """Return its control groups, of which there may be several kinds."""
        groups = Path("/sys/fs/cgroup")
        return [*groups.glob(self._name), *groups.glob(f"*/{self._name}")]

    def terminate(self) -> int:
        """Send its first process SIGTERM, and return its exit status."""
        self._containerd.ctr("task", "kill", "--signal=SIGTERM", self._name)
        return self.wait()


@pytest.fixture(scope="module")
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd]:
    folder = tmp_path_factory.mktemp("containerd")
    with Containerd(folder) as containerd:
        for archive in archives(cache_folder() / "images", tool()):
            containerd.ctr("images", "import", archive)
        yield containerd
        containerd.end()


def test_all_images_have_their_names(containerd: Containerd) -> None:
    assert set(containerd.ctr("images", "list", "--quiet").split()) == {PAUSE, REDIS, TOOL}


def test_the_tool_serves_as_nobody_and_ends_as_the_first_process(containerd: Containerd) -> None:
    port = free_port()
    pod = {"POD_NAME": "pod-1", "POD_IP": "127.0.0.1", "PORT": str(port)}
    with containerd.run(TOOL, "/tool", "--child", "who", host_network=True, **pod) as container:
        container.wait_for_log("^listening")
        assert who_serves(("127.0.0.1", port)) == ("pod-1", 1)
        assert containerd.user_of("tool") == NOBODY
        assert container.terminate() == 128 + signal.SIGTERM


def test_the_tool_is_what_its_image_runs(containerd: Containerd) -> None:
    with containerd.run(TOOL) as container:
        assert container.wait() == 2
        assert container.log.startswith("usage: tool")


def test_a_pause_ends_when_it_is_told(containerd: Containerd) -> None:
    with containerd.run(PAUSE) as container:
        container.wait_for_log("^paused")
        assert containerd.user_of("tool") == NOBODY
        assert container.terminate() == 128 + signal.SIGTERM


def test_redis_keeps_what_it_is_told_in_its_folder(containerd: Containerd) -> None:
    with containerd.run(REDIS) as container:
        container.wait_for_log("Ready to accept connections")
        assert containerd.user_of("redis-server") == REDIS_USER
        assert container.execute("redis-cli", "SET", "key", "value") == "OK\n"
        assert container.execute("redis-cli", "SAVE") == "OK\n"
        assert container.execute("redis-cli", "CONFIG", "GET", "dir") == "dir\n/data\n"
        assert container.terminate() == 0


def test_a_container_that_has_ended_leaves_nothing(containerd: Containerd) -> None:
    with containerd.run(PAUSE) as container:
        container.wait_for_log("^paused")
        assert container.control_groups() != []
        container.terminate()
        assert container.control_groups() == []
    assert containerd.ctr("tasks", "list", "--quiet") == ""
    eventually(lambda: containerd.user_of("containerd-shim") is None, "no shim")
