"""What a user does with Pods, in the API server that an agent works for."""

from typing import Any

from isoproxy.kube.resources import PODS, Json
from test.hand import Hand


class User(Hand):
    """The hand that makes Pods and deletes them."""

    def add_pod(self, name: str, container: Json, **spec: Any) -> Json:
        """Create a Pod of one container."""
        container = {"name": "main", "image": "none"} | container
        body: Json = {"metadata": {"name": name}, "spec": {"restartPolicy": "Never", "containers": [container]} | spec}
        return self.create(PODS, body)

    def delete_pod(self, name: str, grace: int = 30) -> None:
        """Ask for a Pod's end, which a node may take so many seconds for."""
        self.delete(PODS, name, grace_seconds=grace)

    def remove_pod(self, name: str) -> None:
        """Delete a Pod without waiting for its node."""
        self.delete_pod(name, grace=0)

    def pod(self, name: str) -> Json:
        """The Pod as it is."""
        return self.get(PODS, name)

    def has_pod(self, name: str) -> bool:
        """Whether there is such a Pod."""
        return self.has(PODS, name)
