"""Bugs by which a pod serves two connections, or one that is not its own."""

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from isoproxy.kube.resources import ISOLATION_PODS
from isoproxy.local.apiserver import admission
from isoproxy.model import names
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.operator import children, standing
from isoproxy.operator.actions import Assign
from isoproxy.operator.apply import Applier
from isoproxy.operator.cluster import Kind
from isoproxy.operator.housekeeping import Housekeeping
from isoproxy.operator.passes import Passes
from isoproxy.proxy import host
from isoproxy.proxy.presence import Presence
from isoproxy.proxy.session import DropDial
from isoproxy.proxy.stock import Stock
from test.simulation.mutations.mutation import Mutation, perform, redispatch, swap


def _assign_what_is_assigned(stack: ExitStack) -> None:
    """No guard, and none of the second lock either: the object that two operators give away goes to both."""

    async def unguarded(self: Applier, action: Assign) -> None:
        spec = {
            "proxy": action.instance,
            "podIP": action.pod.status.pod_ip,
            "podUID": action.pod.metadata.uid,
        }
        labels = {"soh.re/proxy": action.instance}
        meta = action.record.metadata
        await self._api.patch(
            ISOLATION_PODS, meta.name, {"metadata": {"labels": labels}, "spec": spec}, namespace=meta.namespace
        )

    redispatch(stack, Assign, unguarded)
    swap(stack, admission, "check_rules", lambda *_, **__: None)


def _adopt_by_name(stack: ExitStack) -> None:
    """Objects are a service's own by its name, whichever service of the name they were made for: all that asks for a
    uid asks for the name."""
    observe, of = Passes._observe, Kind.of

    def observed(self: Passes, service: DedicatedService, memory: Any) -> Any:
        def by_name(kind: Kind[Any], uid: str, now: float) -> list[Any]:
            name = service.metadata.name
            namesakes = [one for one in kind.everything() if one.metadata.labels.get(names.LABEL_SERVICE) == name]
            uids = {one.metadata.labels[names.LABEL_SERVICE_UID] for one in namesakes}
            return [one for own in sorted({uid, *uids}) for one in of(kind, own, now)]

        with patch.object(Kind, "of", by_name):
            return observe(self, service, memory)

    async def exists(self: Housekeeping, namespace: str, name: str, uid: str) -> bool:
        there = self._cluster.services.values()
        return any((one.metadata.namespace, one.metadata.name) == (namespace, name) for one in there)

    swap(stack, Passes, "_observe", observed)
    swap(stack, Housekeeping, "_exists", exists)
    swap(stack, children, "is_own", lambda child, said, seen: True)


def _offer_again(stack: ExitStack) -> None:
    """What left the stock enters it again when it is seen again, as long as its object says Idle."""
    see = Stock.see

    def forgetful(self: Stock[Any], record: IsolationPod) -> Any:
        self._left.pop(record.metadata.uid, None)
        return see(self, record)

    swap(stack, Stock, "see", forgetful)


def _no_fence(stack: ExitStack) -> None:
    swap(stack, Presence, "is_fenced", lambda self: False)
    swap(stack, Presence, "_arm_fence", lambda self: None)


def _use_what_was_given_up(stack: ExitStack) -> None:
    """A dial goes on when its time is over, and whoever answers it is taken for the pod that was dialled since."""
    perform(stack, DropDial, lambda self, action: None)


def _use_a_name_again(stack: ExitStack) -> None:
    """An instance that is named after its pod alone takes itself for the one before it, whose
    connections nobody records as lost: it seems to be alive."""
    swap(stack, host, "new_instance", lambda home, chance: f"{home}-0")


def _keep_what_has_moved(stack: ExitStack) -> None:
    swap(stack, standing, "_moved", lambda record, pod: False)


MUTATIONS = (
    Mutation("a pod is assigned without a guard", ("I1",), _assign_what_is_assigned),
    Mutation(
        "what an earlier service of the name has left is taken for the new one's",
        ("I1",),
        _adopt_by_name,
        "a_service_made_anew_among_its_remains",
    ),
    Mutation("what is seen again is offered again", ("I1",), _offer_again, "a_relist_between_claim_and_record"),
    Mutation(
        "a proxy that cannot renew goes on by its stock",
        ("I1",),
        _no_fence,
        "a_proxy_cut_off_for_longer_than_its_grace",
    ),
    Mutation(
        "a dial that was given up is used after all", ("I1", "I2"), _use_what_was_given_up, "pods_that_accept_late"
    ),
    Mutation(
        "a pod whose address has changed stays in stock",
        ("I1",),
        _keep_what_has_moved,
        "a_node_that_swaps_two_addresses",
    ),
    Mutation("a proxy takes up the name of the one before it", ("I1", "I3", "I4"), _use_a_name_again),
)
