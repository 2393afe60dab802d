"""The plain facts that node agent and runtimes exchange. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from isoproxy.model.text import one_line

CONFIG_ERROR = "CreateContainerConfigError"  # the reason of a CannotRun, in a kubelet's words


@dataclass(frozen=True, slots=True)
class PodId:
    """One Pod object in its one life."""

    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What a pod has before anything runs in it: its own address, and what its programs find set."""

    ip: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Program:
    """What to run; `working_directory` "" is the pod's own folder."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    working_directory: str = ""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a program ended, in a kubelet's words: `reason` is Completed, Error, StartError (there was no program)
    or ContainerStatusUnknown; `code` is 128 + `signal` where a signal ended it."""

    code: int
    signal: int = 0
    reason: str = "Error"
    message: str = ""

    @property
    def lost(self) -> bool:
        """Whether nobody saw how it ended, only that nothing of it is left."""
        return self.reason == "ContainerStatusUnknown"


class CannotRun(Exception):
    """A pod, or a command in it, cannot be run; `reason` is one word for machines, `message` is for the user."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = one_line(message)
        super().__init__(f"{reason}: {self.message}")
