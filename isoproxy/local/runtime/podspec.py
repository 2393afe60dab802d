"""What a Pod asks to be run, parsed at the edge, and whether this runtime can do it. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from isoproxy.local.runtime.facts import CONFIG_ERROR, CannotRun, PodId
from isoproxy.local.runtime.probespec import Probe, check_probe
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.parsing import InvalidObject, Json, model, parse
from isoproxy.model.pod import PodStatus

LONGEST_GRACE = 365 * 86_400


@model
class KeyReference:
    """A key of a Secret or a ConfigMap."""

    name: str
    key: str
    optional: bool = False


@model
class FieldReference:
    """A field of the Pod itself."""

    field_path: str


@model
class ValueSource:
    """Where a variable's value comes from; exactly one is set, if it is one that we know."""

    field_ref: FieldReference | None = None
    secret_key_ref: KeyReference | None = None
    config_map_key_ref: KeyReference | None = None


@model
class Variable:
    """One entry of ``env``."""

    name: str
    value: str = ""
    value_from: ValueSource | None = None


@model
class Port:
    """One entry of ``ports``."""

    container_port: int
    name: str = ""


@model
class Container:
    """The one program of a pod."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[Variable, ...] = ()
    env_from: tuple[Any, ...] = ()
    ports: tuple[Port, ...] = ()
    volume_mounts: tuple[Any, ...] = ()
    readiness_probe: Probe | None = None

    @property
    def port(self) -> int | None:
        """The first of its ports."""
        return self.ports[0].container_port if self.ports else None

    def port_number(self, port: int | str) -> int:
        """The number of a port that is given by number or by name. Raises CannotRun."""
        if isinstance(port, int):
            return port
        if port.isascii() and port.isdecimal() and len(port) < 6:
            return int(port)
        for one in self.ports:
            if one.name == port:
                return one.container_port
        raise CannotRun(CONFIG_ERROR, f"the readiness probe's port {port!r} is none of the container's ports")


RestartPolicy = Literal["Always", "OnFailure", "Never"]


@model
class PodSpec:
    """The part of a Pod's spec that a process can be made from; image, resources and rights are not enforced."""

    containers: tuple[Container, ...] = Field(min_length=1)
    init_containers: tuple[Any, ...] = ()
    restart_policy: RestartPolicy = "Always"
    volumes: tuple[Mapping[str, Any], ...] = ()


@model
class LocalPod:
    """A Pod as the node agent sees it; ``spec`` is parsed when the pod is started."""

    metadata: ObjectMeta
    spec: Mapping[str, Any] = Field(default_factory=dict)
    status: PodStatus = Field(default_factory=PodStatus)

    @property
    def id(self) -> PodId:
        return PodId(self.metadata.namespace, self.metadata.name, self.metadata.uid)

    @property
    def node(self) -> str:
        """The node it is bound to, or ``""``."""
        return str(self.spec.get("nodeName") or "")

    @property
    def container_name(self) -> str:
        """Of its first container, as far as there is one."""
        return self._first_container("name")

    @property
    def image(self) -> str:
        """Of its first container, as far as there is one."""
        return self._first_container("image")

    def _first_container(self, field: str) -> str:
        containers = self.spec.get("containers")
        first = containers[0] if isinstance(containers, list) and containers else None
        return str(first.get(field) or "") if isinstance(first, dict) else ""

    @property
    def ending(self) -> bool:
        """Whether its deletion has begun."""
        return self.metadata.deletion_timestamp is not None

    @property
    def over(self) -> bool:
        """Whether its one life is over."""
        return self.status.phase in ("Failed", "Succeeded")

    @property
    def ready(self) -> bool:
        """Whether it is said to be Ready."""
        return any(one.type == "Ready" and one.status == "True" for one in self.status.conditions)

    @property
    def begun(self) -> bool:
        """Whether an agent has run it already."""
        return self.status.phase != "Pending"

    @property
    def grace(self) -> float:
        """Seconds from SIGTERM to SIGKILL."""
        asked = self.metadata.deletion_grace_period_seconds
        if asked is None:
            asked = self.spec.get("terminationGracePeriodSeconds")
        return float(min(asked, LONGEST_GRACE)) if isinstance(asked, int) and asked >= 0 else 30.0


def parse_pod(obj: Json) -> LocalPod:
    """Raises InvalidObject."""
    return parse(LocalPod, obj)


def runnable(pod: LocalPod) -> PodSpec:
    """What to run, if a process can honour it. Raises CannotRun, which names what it cannot and why."""
    try:
        spec = parse(PodSpec, pod.spec)
    except InvalidObject as error:
        raise CannotRun(CONFIG_ERROR, f"spec.{error}") from error
    container = spec.containers[0]
    if len(spec.containers) > 1 or spec.init_containers:
        raise CannotRun(CONFIG_ERROR, "the process runtime runs one container in a pod, and no init containers")
    if not container.command:
        raise CannotRun(
            "CommandRequired",
            f"container {container.name!r} has no command: the process runtime runs the command of the spec on this"
            " machine, it pulls no image that could say what to run",
        )
    _check_files(spec)
    for variable in container.env:
        _check_variable(variable)
    if container.readiness_probe is not None:
        check_probe(container.readiness_probe, container.port_number)
    return spec


def _check_files(spec: PodSpec) -> None:
    container = spec.containers[0]
    if container.volume_mounts:
        raise CannotRun(
            CONFIG_ERROR, "the process runtime cannot mount volumes; a pod's own empty folder is $HOME and $TMPDIR"
        )
    for volume in spec.volumes:
        if volume.keys() - {"name", "emptyDir"}:
            raise CannotRun(
                CONFIG_ERROR, f"volume {volume.get('name')!r}: the process runtime has emptyDir volumes only"
            )
    if container.env_from:
        raise CannotRun(CONFIG_ERROR, "envFrom is not supported by the process runtime; name the variables in env")


def _check_variable(variable: Variable) -> None:
    if not variable.name or "=" in variable.name or "\0" in variable.name + variable.value:
        raise CannotRun(CONFIG_ERROR, f"env {variable.name!r}: no such variable can be passed to a program")
    source = variable.value_from
    if source is not None and not (source.field_ref or source.secret_key_ref or source.config_map_key_ref):
        raise CannotRun(
            CONFIG_ERROR, f"env {variable.name}: valueFrom can be a fieldRef, a secretKeyRef or a configMapKeyRef here"
        )
