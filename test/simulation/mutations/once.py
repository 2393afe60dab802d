"""Bugs by which a pod serves two connections, or one that is not its own."""

from contextlib import ExitStack
from typing import Any

from isoproxy.kube.resources import ISOLATION_PODS
from isoproxy.local.apiserver import admission
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.operator.actions import Assign
from isoproxy.operator.apply import Applier
from isoproxy.proxy import host
from isoproxy.proxy.presence import Presence
from isoproxy.proxy.stock import Stock
from test.simulation.mutations.mutation import Mutation, redispatch, swap


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


def _use_a_name_again(stack: ExitStack) -> None:
    """An instance that is named after its pod alone takes itself for the one before it."""
    swap(stack, host, "new_instance", lambda home, chance: f"{home}-0")


MUTATIONS = (
    Mutation("a pod is assigned without a guard", ("I1",), _assign_what_is_assigned),
    Mutation("what is seen again is offered again", ("I1",), _offer_again, "a_relist_between_claim_and_record"),
    Mutation(
        "a proxy that cannot renew goes on by its stock",
        ("I1",),
        _no_fence,
        "a_proxy_cut_off_for_longer_than_its_grace",
    ),
    Mutation("a proxy takes up the name of the one before it", ("I1",), _use_a_name_again),
)
