"""etcd, API server, controller manager and scheduler. Pure."""

import json
from pathlib import Path

from test.cluster import layout
from test.cluster.layout import Layout
from test.cluster.parts.part import Part, flags


def etcd(files: Layout, program: Path) -> Part:
    """Return the store of the API server; it is on a tmpfs, and does not wait for disks."""
    peers = "http://127.0.0.1:2380"
    return Part(
        name="etcd",
        command=(
            str(program),
            *flags(
                name="default",
                data_dir=str(files.data / "etcd"),
                listen_client_urls=layout.ETCD_URL,
                advertise_client_urls=layout.ETCD_URL,
                listen_peer_urls=peers,
                initial_advertise_peer_urls=peers,
                initial_cluster=f"default={peers}",
                log_level="warn",
            ),
            "--unsafe-no-fsync",
        ),
        health=f"{layout.ETCD_URL}/health",
    )


AUDIT = "audit"
"""The log of what the programs in pods have asked of the API server: a line of JSON for each request."""
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},  # the controllers
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}


def api_server(files: Layout, program: Path, *, controllers: bool) -> Part:
    """Return the API server. Without ``controllers`` nobody makes service accounts, and pods need none."""
    keys = files.keys
    audited = files.settings / "audit.yaml"
    return Part(
        name="kube-apiserver",
        command=(
            str(program),
            *flags(
                etcd_servers=layout.ETCD_URL,
                bind_address="0.0.0.0",
                advertise_address=layout.NODE_IP,
                secure_port=layout.API_PORT,
                tls_cert_file=f"{keys}/apiserver.crt",
                tls_private_key_file=f"{keys}/apiserver.key",
                client_ca_file=f"{keys}/ca.crt",
                token_auth_file=f"{keys}/tokens.csv",
                # Nobody is such a proxy; the others look for the setting.
                requestheader_client_ca_file=f"{keys}/ca.crt",
                requestheader_allowed_names="nobody",
                authorization_mode="Node,RBAC",
                service_account_key_file=f"{keys}/sa.pub",
                service_account_signing_key_file=f"{keys}/sa.key",
                service_account_issuer="https://kubernetes.default.svc",
                service_cluster_ip_range=layout.SERVICE_NETWORK,
                kubelet_client_certificate=f"{keys}/kubelet-client.crt",
                kubelet_client_key=f"{keys}/kubelet-client.key",
                kubelet_preferred_address_types="InternalIP",
                allow_privileged="true",
                disable_admission_plugins="" if controllers else "ServiceAccount",
                audit_policy_file=str(audited),
                audit_log_path=str(files.log(AUDIT)),
            ),
        ),
        health=f"https://127.0.0.1:{layout.API_PORT}/readyz",
        files={audited: json.dumps(_AUDIT_POLICY)},
    )


def controller_manager(files: Layout, program: Path) -> Part:
    """Return the controllers."""
    return _controller(
        files,
        program,
        "controller-manager",
        layout.CONTROLLER_MANAGER_PORT,
        # Each controller by an account of its own: only these have the rights that they need.
        use_service_account_credentials="true",
        service_account_private_key_file=f"{files.keys}/sa.key",
        root_ca_file=f"{files.keys}/ca.crt",
    )


def scheduler(files: Layout, program: Path) -> Part:
    """Return the scheduler."""
    return _controller(files, program, "scheduler", layout.SCHEDULER_PORT)


def _controller(files: Layout, program: Path, user: str, port: int, **more: str) -> Part:
    """Return one that acts by what it watches; its own limit on requests is raised, for tests that wait for it."""
    config = str(files.kubeconfig(user))
    return Part(
        name=f"kube-{user}",
        command=(
            str(program),
            *flags(
                kubeconfig=config,
                authentication_kubeconfig=config,
                authorization_kubeconfig=config,
                bind_address="127.0.0.1",
                secure_port=port,
                leader_elect="false",
                kube_api_qps=200,
                kube_api_burst=400,
                **more,
            ),
        ),
        health=f"https://127.0.0.1:{port}/healthz",
    )
