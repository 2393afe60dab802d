"""What is tested: a real API server, a node, two services, two operators, and three proxies for each service."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from test.cluster.cluster import Cluster
from test.e2e.oncluster import OPERATED, Node, prepare
from test.running.api import DEDIS, LEASES, Api, Json, names
from test.running.harness import Isoproxy, dedicated_service
from test.soak.account import Account
from test.soak.doings import Doings
from test.soak.roads import Roads
from test.soak.seat import Seat

GRACE_SECONDS = 60
"""How long the pods of a silent proxy are kept: longer than any fault makes one silent."""
QUEUE_SECONDS = 10
DRAIN_SECONDS = 5
SERVICES = {"steady": {"replicas": 6, "maxPods": 30}, "narrow": {"replicas": 2, "maxPods": 5}}
"""Of the second there is too little whenever more come at once."""
OPERATORS = 2
PROXIES = 3
_PORT = 9100


class World:
    """All of it; ``seats`` are where our processes are, ``busy`` has the names of what is suffering already."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        prepare(self.api)
        self.doings = Doings()
        self.busy: set[str] = set()
        self.roads = Roads(cluster.sandbox)
        self.account = Account(self.api, folder, authority=cluster.files.keys / "ca.crt")
        self.node = Node(cluster.files.kubeconfig())
        here = {"nodeSelector": {"kubernetes.io/hostname": self.node.name}}
        self.manifests = {
            name: dedicated_service(name, ["hello"], **spec, **here, queue={"timeoutSeconds": QUEUE_SECONDS})
            for name, spec in SERVICES.items()
        }
        self.operators = [self._operator(number) for number in range(OPERATORS)]
        self.proxies = [self._proxy(service, number) for service in SERVICES for number in range(PROXIES)]

    @property
    def seats(self) -> list[Seat]:
        """All of them."""
        return [*self.operators, *self.proxies]

    @property
    def api(self) -> Api:
        """The API server, as its administrator sees it, with what must be trusted now."""
        return Api.of(self.cluster.files.kubeconfig())

    def create(self, service: str) -> None:
        """Create a service."""
        self.api.create(DEDIS, self.manifests[service])

    def create_missing(self) -> None:
        """Create the services that are not there."""
        there = names(self.api.items(DEDIS))
        for service in SERVICES:
            if service not in there:
                self.create(service)

    def base(self, service: str) -> int:
        """Return how many pods are kept warm."""
        replicas: int = self.manifests[service]["spec"]["replicas"]
        return replicas

    def leases(self, service: str) -> list[Json]:
        """Return what is known of proxies that live."""
        return self.api.items(LEASES, labelSelector=f"soh.re/service={service}")

    def end(self) -> None:
        """End every process of ours, and remove what they have written."""
        for seat in self.seats:
            for run in seat.runs:
                run.process.__exit__(None, None, None)
        self.node.api = self.api  # as the API server is known now

    def _operator(self, number: int) -> Seat:
        road = self.roads.lay()
        options = ["--role=operator", OPERATED, "--leader-elect", f"--proxy-grace={GRACE_SECONDS}"]
        make = partial(Isoproxy, *options, "--kubeconfig", self.account.kubeconfig(road))
        return Seat(f"operator-{number}", road, make, veteran=number == 0)

    def _proxy(self, service: str, number: int) -> Seat:
        road, port = self.roads.lay(), _PORT + 10 * list(SERVICES).index(service) + number
        options = [
            "--role=proxy",
            f"--service=default/{service}",
            f"--listen=tcp:{port}:interface=127.0.0.1",
            f"--proxy-grace={GRACE_SECONDS}",
            f"--drain-timeout={DRAIN_SECONDS}",
        ]
        # As in a pod: whoever is started in one after another is proof that the other has ended.
        make = partial(Isoproxy, *options, "--kubeconfig", self.account.kubeconfig(road), POD_UID=str(UUID(int=port)))
        return Seat(f"{service}-{number}", road, make, veteran=number == 0, service=service, port=port)


@contextmanager
def running(cluster: Cluster) -> Iterator[World]:
    """Have a world in a cluster, whose network this thread is in; it is warm."""
    with TemporaryDirectory(prefix="soak-") as folder, ExitStack() as stack:
        world = World(cluster, Path(folder))
        stack.enter_context(world.node)
        stack.callback(world.end)
        for service in SERVICES:
            world.create(service)
        for seat in world.seats:
            seat.start()
        for service in SERVICES:
            world.api.endpoints(service, PROXIES)
            world.api.wait_for_base(service, world.base(service))
        yield world
