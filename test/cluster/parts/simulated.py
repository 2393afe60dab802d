"""kwok, which plays nodes and their pods without running anything. Pure."""

from collections.abc import Iterable
from pathlib import Path

from test.cluster.parts.part import Part, flags

LABEL = ("type", "kwok")
"""A node with this label is played; kwok leaves all others, and their pods, alone."""

STAGES = (
    "node/fast/node-initialize",
    "node/heartbeat-with-lease/node-heartbeat-with-lease",
    "pod/fast/pod-ready",
    "pod/fast/pod-complete",
    "pod/fast/pod-delete",
)
"""Of what kwok's module has: nodes that are Ready and stay so, pods that are Ready, or gone, as soon as asked for."""

_PORT = 10247
_LEASE_SECONDS = 40
_POD_NETWORK = "10.200.0.0/16"  # of addresses that lead nowhere


def kwok(program: Path, *, kubeconfig: Path, stages: Path) -> Part:
    """Return what plays the nodes with ``LABEL``; ``stages`` is the folder of what it can play."""
    return Part(
        name="kwok",
        command=(
            str(program),
            *flags(
                kubeconfig=str(kubeconfig),
                cidr=_POD_NETWORK,
                manage_all_nodes="false",
                manage_nodes_with_label_selector="=".join(LABEL),
                node_lease_duration_seconds=_LEASE_SECONDS,
                server_address=f"127.0.0.1:{_PORT}",
            ),
            *_configuration(stages),
        ),
        health=f"http://127.0.0.1:{_PORT}/healthz",
    )


def _configuration(stages: Path) -> Iterable[str]:
    return [flag for stage in STAGES for flag in flags(config=str(stages / f"{stage}.yaml"))]
