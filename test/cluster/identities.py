"""Who there is in a cluster: a token and a kubeconfig for each part, and for the people and tests that use it."""

import json
import secrets
from dataclasses import dataclass

from test.cluster import layout
from test.cluster.certificates import Authority, write, write_service_account_key
from test.cluster.layout import Layout


@dataclass(frozen=True, slots=True)
class User:
    """One whom the API server knows by a token."""

    name: str
    groups: tuple[str, ...] = ()


USERS = {
    "admin": User("admin", ("system:masters",)),
    "calico": User("calico", ("system:masters",)),
    "controller-manager": User("system:kube-controller-manager"),
    "kube-proxy": User("system:kube-proxy"),
    "kubelet": User(f"system:node:{layout.NODE}", ("system:nodes",)),
    "scheduler": User("system:kube-scheduler"),
}
"""By the name of their kubeconfig; what they may do is Kubernetes' own default for these names."""

API_HOSTS = (
    "127.0.0.1",
    layout.NODE_IP,
    layout.API_SERVICE_IP,
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
)


def write_identities(files: Layout) -> None:
    """Write every key, certificate, token and kubeconfig of a new cluster."""
    authority = Authority(files.keys)
    authority.sign("apiserver", user="kube-apiserver", hosts=API_HOSTS)
    authority.sign("kubelet-client", user="kube-apiserver", group="system:masters")
    write_service_account_key(files.keys)
    tokens = {user: secrets.token_urlsafe(24) for user in USERS}
    rows = [f'{tokens[key]},{user.name},{key},"{",".join(user.groups)}"' for key, user in USERS.items()]
    write(files.keys / "tokens.csv", "\n".join(rows).encode())
    for user, token in tokens.items():
        write(files.kubeconfig(user), json.dumps(_kubeconfig(files, token)).encode())


def _kubeconfig(files: Layout, token: str) -> dict[str, object]:
    """Return a kubeconfig; JSON is YAML too."""
    cluster = {"server": layout.API_URL, "certificate-authority": str(files.keys / "ca.crt")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": files.name, "cluster": cluster}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": files.name, "context": {"cluster": files.name, "user": "user"}}],
        "current-context": files.name,
    }
