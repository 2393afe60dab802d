"""Who our processes are to the API server: a service account, whose token can expire, and be replaced, at any time."""

import json
import os
from pathlib import Path

from test.running.api import Api, Json
from test.soak import roads

_ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
_SECRETS = "/api/v1/namespaces/default/secrets"
_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
_NAME = "soak"
_TOKEN_SECONDS = 6 * 3600


class Account:
    """One account for all, and a kubeconfig for each road; they name one file with the token of all."""

    def __init__(self, api: Api, folder: Path, *, authority: Path) -> None:
        self._folder = folder
        self._authority = authority
        self._count = 0
        api.create(_ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _NAME}})
        api.create(_BINDINGS, _binding())
        self.renew(api)

    def renew(self, api: Api) -> None:
        """Write another token in place of the one there is."""
        self._count += 1
        secret = api.create(_SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": self._bound()}})
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": _TOKEN_SECONDS, "boundObjectRef": _reference(secret)},
        }
        token = api.create(f"{_ACCOUNTS}/{_NAME}/token", asked)["status"]["token"]
        written = self._folder / "token.new"
        written.write_text(token)
        os.rename(written, self._folder / "token")

    def expire(self, api: Api) -> None:
        """End the token's life; the API server remembers it for up to 10 s."""
        api.delete(f"{_SECRETS}/{self._bound()}")

    def kubeconfig(self, address: str) -> Path:
        """Return the kubeconfig of whoever takes a road."""
        cluster = {
            "server": roads.url(address),
            "tls-server-name": roads.SERVER_NAME,
            "certificate-authority": str(self._authority),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "soak", "cluster": cluster}],
            "users": [{"name": "soak", "user": {"tokenFile": str(self._folder / "token")}}],
            "contexts": [{"name": "soak", "context": {"cluster": "soak", "user": "soak"}}],
            "current-context": "soak",
        }
        path = self._folder / f"{address}.kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def _bound(self) -> str:
        """The name of the object with which the token ends."""
        return f"{_NAME}-{self._count}"


def _reference(secret: Json) -> Json:
    return {"apiVersion": "v1", "kind": "Secret"} | {key: secret["metadata"][key] for key in ("name", "uid")}


def _binding() -> Json:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _NAME},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": _NAME, "namespace": "default"}],
    }
