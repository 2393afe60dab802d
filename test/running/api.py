"""What an API server shows and takes, by plain HTTP: the view of somebody else than isoproxy's own client."""

import json
import ssl
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlencode, urlsplit

from isoproxy.kube.config import Connection, load_connection
from test.running.waiting import BOUND, eventually

Json = dict[str, Any]

DEFAULT = "default"

# Where there is what tests look at, in namespace default.
OURS = "/apis/soh.re/v1alpha1/namespaces/default"
DEDIS = f"{OURS}/dedicatedservices"
IPODS = f"{OURS}/isolationpods"
PODS = "/api/v1/namespaces/default/pods"
NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
CHILDREN = (
    IPODS,
    PODS,
    LEASES,
    "/api/v1/namespaces/default/configmaps",
    "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
)
"""Where there are objects of a service."""
MERGE = "application/merge-patch+json"


class Refused(Exception):
    """The API server answered with an error status."""

    def __init__(self, code: int, body: Json) -> None:
        super().__init__(f"{code}: {body.get('message')}")
        self.code = code
        self.body = body


class Api:
    """One API server."""

    def __init__(self, url: str, namespace: str = DEFAULT) -> None:
        """``url`` is that of a server that asks for no credentials; ``namespace`` is where tests look at services."""
        self.url = url
        self.namespace = namespace
        self.kubeconfig: Path | None = None
        self._address = urlsplit(url).netloc
        self._context: ssl.SSLContext | None = None
        self._authorization: dict[str, str] = {}

    @classmethod
    def of(cls, kubeconfig: Path, namespace: str = DEFAULT) -> "Api":
        """Return the server of a kubeconfig, approached with the credentials in it."""
        connection = load_connection(str(kubeconfig))
        made = cls(connection.url, namespace)
        made.kubeconfig = kubeconfig
        made._context = _context(connection)
        if connection.token_source is not None and (header := connection.token_source.header(renew=False)):
            made._authorization = {"Authorization": header}
        return made

    def request(self, method: str, path: str, body: Json | None = None, *, content_type: str = MERGE) -> Json:
        """Return the JSON answer; raises Refused, OSError."""
        answer: Json = json.loads(self._fetch(method, path, body, content_type))
        return answer

    def _fetch(self, method: str, path: str, body: Json | None = None, content_type: str = MERGE) -> bytes:
        connection = self._connection()
        try:
            content = json.dumps(body) if body is not None else None
            headers = {"Content-Type": content_type} if content else {}
            connection.request(method, path, content, headers | self._authorization)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise Refused(response.status, _said(answer))
        return answer

    def _connection(self) -> HTTPConnection:
        if self._context is None:
            return HTTPConnection(self._address, timeout=BOUND)
        return HTTPSConnection(self._address, timeout=BOUND, context=self._context)

    def items(self, path: str, **query: str) -> list[Json]:
        """Return all objects of a collection."""
        items: list[Json] = self.request("GET", f"{path}?{urlencode(query)}")["items"]
        return items

    def create(self, path: str, manifest: Json) -> Json:
        """Create an object in a collection."""
        return self.request("POST", path, manifest, content_type="application/json")

    def patch(self, path: str, change: Json) -> Json:
        """Merge a change into an object."""
        return self.request("PATCH", path, change)

    def delete(self, path: str) -> Json:
        """Delete an object."""
        return self.request("DELETE", path)

    def find(self, path: str) -> Json:
        """Return an object, {} if it is not there."""
        try:
            return self.request("GET", path)
        except Refused as refused:
            if refused.code != 404:
                raise
            return {}

    # What the tests look at, in the one namespace

    def here(self, path: str) -> str:
        """Return what a path in namespace default is in the one that is looked at."""
        return path.replace(f"/namespaces/{DEFAULT}/", f"/namespaces/{self.namespace}/")

    def service(self, name: str) -> Json:
        """Return a DedicatedService."""
        return self.request("GET", self.here(f"{DEDIS}/{name}"))

    def records(self, service: str) -> list[Json]:
        """Return the IsolationPods of a service."""
        return self.items(self.here(IPODS), labelSelector=f"soh.re/service={service}")

    def pods(self, service: str) -> list[Json]:
        """Return the Pods of a service."""
        return self.items(self.here(PODS), labelSelector=f"soh.re/service={service},soh.re/role=pod")

    def traces(self, service: str) -> set[str]:
        """Return the names of all objects there are of a service, beside itself."""
        selector = f"soh.re/service={service}"
        return set().union(*(names(self.items(self.here(path), labelSelector=selector)) for path in CHILDREN))

    def log(self, pod: str) -> str:
        """Return what a pod has printed."""
        return self._fetch("GET", self.here(f"{PODS}/{pod}/log")).decode()

    def condition(self, name: str, kind: str) -> Json:
        """Return a condition of a service, {} where there is none yet."""
        found = self.service(name).get("status", {}).get("conditions", [])
        return next((condition for condition in found if condition["type"] == kind), {})

    def endpoints(self, name: str, count: int = 1) -> list[tuple[str, int]]:
        """Wait until a service is reachable at ``count`` addresses, and return them, sorted."""

        def published() -> list[str]:
            endpoints: list[str] = self.service(name).get("status", {}).get("endpoints", [])
            return endpoints if len(endpoints) == count else []

        found = eventually(published, f"{count} endpoints of {name} in its status")
        return [(host, int(port)) for host, _, port in (endpoint.rpartition(":") for endpoint in found)]

    def is_at_base(self, name: str, size: int, *, used: int = 0) -> bool:
        """Whether ``size`` pods of a service are there, Ready and unused, ``used`` beside them, and nothing else."""
        records, pods = self.records(name), self.pods(name)
        return (
            len(pods) == size + used
            and sorted(record["status"]["phase"] for record in records) == ["Idle"] * size + ["InUse"] * used
            and all(is_ready(pod) and "deletionTimestamp" not in pod["metadata"] for pod in pods)
            and self.service(name)["status"].get("availableTargets", 0) == size
        )

    def wait_for_base(self, name: str, size: int, *, used: int = 0, within: float = BOUND) -> None:
        """Wait until the pool of a service is full, and nothing is left of it beside that and what is in use."""
        try:
            what = f"{size} pods of {name}, warm, and {used} in use"
            eventually(lambda: self.is_at_base(name, size, used=used), what, within=within)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.picture(name)}") from error

    def picture(self, name: str) -> str:
        """Describe a service and its pods in a few lines."""
        lines = [str(self.service(name).get("status"))]
        lines += [f"{record['metadata']['name']} {record['spec']} {record['status']}" for record in self.records(name)]
        lines += [f"{pod['metadata']['name']} Ready={is_ready(pod)}" for pod in self.pods(name)]
        return "\n".join(lines)


def names(objects: list[Json]) -> set[str]:
    """Return the names of objects."""
    return {found["metadata"]["name"] for found in objects}


def is_ready(pod: Json) -> bool:
    """Whether a Pod says that it is Ready."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _said(answer: bytes) -> Json:
    """Return what a refusal says; a server that is overwhelmed, or not there yet, says it in plain text."""
    try:
        said = json.loads(answer)
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {"message": answer.decode(errors="replace").strip()}


def _context(connection: Connection) -> ssl.SSLContext | None:
    if connection.scheme != "https":
        return None
    trust = connection.trust.decode() if connection.trust is not None else None
    context = ssl.create_default_context(cadata=trust)
    if connection.client_certificate is not None and connection.client_key is not None:
        with NamedTemporaryFile() as file:  # it is taken from a file only
            file.write(connection.client_certificate + b"\n" + connection.client_key)
            file.flush()
            context.load_cert_chain(file.name)
    return context
