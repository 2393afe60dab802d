"""The wall around the pods of a service stands before the first of them, and until the last is gone."""

from isoproxy.kube.resources import NETWORK_POLICIES, PODS, Json
from test.simulation.oracle.cluster import Change
from test.simulation.oracle.scene import Scene


class Walls:
    """Every NetworkPolicy around pods.

    One that others took away is excused until it stands again: that it soon does is judged when faults have ceased.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._walls: dict[str, Json] = {}
        self._gone: dict[str, Json] = {}
        self._torn: list[Json] = []
        """Those that others took away, and in whose place one stands around other pods."""
        scene.cluster.tell(PODS, self._pod_changed)
        scene.cluster.tell(NETWORK_POLICIES, self._wall_changed)

    def _pod_changed(self, change: Change) -> None:
        if change.before is not None or change.gone:
            return
        meta, cluster = change.now["metadata"], self._scene.cluster
        if not cluster.has_record(meta["uid"]):
            return  # a request that came late: nobody is given this pod, and it is collected
        if meta["labels"]["soh.re/service-uid"] in cluster.doings.services:
            return  # its maker has not heard yet that the service is gone: likewise
        name = f"{meta['labels']['soh.re/service']}-pods"
        walls = (*self._walls.values(), *self._torn)
        if name not in cluster.doings.walls and not any(_is_around(change.now, wall) for wall in walls):
            self._scene.wrong(f"wall: {meta['name']} is made before its wall stands")

    def _wall_changed(self, change: Change) -> None:
        wall, doings = change.now, self._scene.cluster.doings
        name = wall["metadata"]["name"]
        self._walls[name] = wall
        if not change.gone:
            if name in doings.walls and name in self._gone:
                self._torn.append(self._gone[name])
            self._torn = [one for one in self._torn if one["spec"]["podSelector"] != wall["spec"]["podSelector"]]
            doings.walls.discard(name)
            return
        self._gone[name] = self._walls.pop(name)
        pods = self._scene.cluster.pods.values()
        behind = [pod for pod in pods if _is_around(pod, wall) and pod["status"]["phase"] == "Running"]
        if behind and name not in doings.walls:
            self._scene.wrong(f"wall: {name} is taken away, and {behind[0]['metadata']['name']} still runs behind it")


def _is_around(pod: Json, wall: Json) -> bool:
    selected = wall["spec"]["podSelector"].get("matchLabels", {})
    return bool(selected) and selected.items() <= pod["metadata"]["labels"].items()
