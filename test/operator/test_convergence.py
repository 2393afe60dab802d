"""Whatever users, clients and fate do: no promise is broken on the way, and all comes to rest at the end."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from isoproxy.model.proxylease import LEASE_SECONDS
from test.operator.world import World
from test.operator.world.world import GRACE_SECONDS

T = TypeVar("T")
ANY = st.integers(0, 99)


def choose(among: list[T], which: int) -> T:
    return among[which % len(among)]


class Life(RuleBasedStateMachine):
    """A service's life under all sorts of trouble; the world checks the promises as it goes."""

    world: World

    @initialize(
        seed=st.integers(0, 2**32),
        replicas=st.integers(0, 6),
        max_pods=st.sampled_from([None, 6, 7, 10]),
        proxies=st.integers(1, 3),
        loss=st.sampled_from([0.0, 0.0, 0.1]),
    )
    def begin(self, seed: int, replicas: int, max_pods: int | None, proxies: int, loss: float) -> None:
        self.world = World(seed, loss=loss, replicas=replicas, max_pods=max_pods)
        for _ in range(proxies):
            self.world.start_proxy()

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.0, 3.0, 10.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.world.run(seconds)

    @precondition(lambda self: self.world.open())
    @rule(which=ANY, how_many=st.sampled_from([1, 1, 2, 5]), seconds=st.sampled_from([0.05, 0.5, 1.5, 20.0, 100.0]))
    def connect(self, which: int, how_many: int, seconds: float) -> None:
        for _ in range(how_many):
            self.world.connect(choose(self.world.open(), which), seconds)

    @precondition(lambda self: any(proxy.queue for proxy in self.world.living()))
    @rule(which=ANY)
    def hang_up(self, which: int) -> None:
        choose([proxy for proxy in self.world.living() if proxy.queue], which).hang_up()

    @rule(replicas=st.integers(0, 6))
    def scale(self, replicas: int) -> None:
        self.world.respec(replicas=replicas)

    @rule(image=st.sampled_from(["chess:1", "chess:2"]), fate=st.sampled_from(["", "", "fails", "hangs"]))
    def change_the_template(self, image: str, fate: str) -> None:
        self.world.respec(image=image)
        self.world.breaks(fate)

    @precondition(lambda self: self.world.store.pods.items)
    @rule(which=ANY, how=st.sampled_from(["fail", "delete", "vanish"]))
    def lose_a_pod(self, which: int, how: str) -> None:
        name = choose(sorted(self.world.store.pods.items), which)
        getattr(self.world.kubelet, how)(self.world.store.pods.items[name].metadata.uid)

    @precondition(lambda self: len(self.world.living()) < 4)
    @rule()
    def add_a_proxy(self) -> None:
        self.world.start_proxy()

    @precondition(lambda self: self.world.open())
    @rule(which=ANY, how=st.sampled_from(["kill", "restart", "drain"]))
    def lose_a_proxy(self, which: int, how: str) -> None:
        proxy = choose(self.world.open(), which)
        if how == "drain":
            proxy.drain()
        elif how == "kill":
            self.world.kill_proxy(proxy)
        else:
            self.world.restart_proxy(proxy)

    @precondition(lambda self: self.world.living())
    @rule(which=ANY, how=st.sampled_from(["cut_off", "deafen"]), seconds=st.sampled_from([1.0, 10.0, 40.0, 150.0]))
    def disturb_a_proxy(self, which: int, how: str, seconds: float) -> None:
        getattr(choose(self.world.living(), which), how)(seconds)

    @precondition(lambda self: self.world.store.leases.items)
    @rule(which=ANY)
    def delete_a_lease(self, which: int) -> None:
        self.world.store.leases.remove(choose(sorted(self.world.store.leases.items), which))

    @rule(after=st.sampled_from([0.0, 0.1, 0.2, 0.4]))
    def restart_the_operator(self, after: float) -> None:
        self.world.run(after)
        self.world.restart_operator()

    @rule(seconds=st.sampled_from([1.0, 10.0]))
    def have_two_leaders(self, seconds: float) -> None:
        self.world.depose_operator(seconds)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.respec(image="chess:good")
            self.world.settle()
            self.world.check_settled()


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


def at_rest(*, proxies: int, seed: int = 1, **spec: int) -> World:
    """A world whose pool is filled and dealt out."""
    world = World(seed, **spec)
    for _ in range(proxies):
        world.start_proxy()
    world.run(30.0)
    world.check_settled()
    return world


class TestTraffic:
    """Here what is seen is up to half a second old: now and then a pod too many is made, and ended again."""

    @pytest.mark.parametrize("seconds", [0.3, 5.0])
    @pytest.mark.parametrize(("replicas", "proxies"), [(4, 1), (4, 2), (1, 2), (0, 1)])
    def test_a_connection_costs_one_pod(self, replicas: int, proxies: int, seconds: float) -> None:
        world = at_rest(replicas=replicas, proxies=proxies)
        for turn in range(40):
            world.connect(world.proxies[turn % proxies], seconds)
            world.run(4.0)
        assert replicas + 40 <= world.pods_made <= replicas + 40 + (0 if proxies == 1 else 8)
        world.settle(60)
        world.check_settled()

    @pytest.mark.parametrize(("replicas", "proxies"), [(10, 1), (10, 2), (2, 2)])
    def test_a_burst_is_served_in_full_and_costs_little_more_than_a_pod_each(self, replicas: int, proxies: int) -> None:
        world = at_rest(replicas=replicas, proxies=proxies, max_pods=60)
        for turn in range(300):
            world.connect(world.proxies[turn % proxies], 0.5)
        world.settle(120)
        world.check_settled()
        assert {client.fate for client in world.clients} == {"served"}
        assert world.pods_made <= (replicas + 300) * 1.1

    @pytest.mark.parametrize("proxies", [1, 2, 3])
    def test_a_changed_template_costs_every_unused_pod_once(self, proxies: int) -> None:
        world = at_rest(replicas=8, proxies=proxies)
        world.respec(image="chess:2")
        world.settle(120)
        world.check_settled()
        assert 16 <= world.pods_made <= 18

    def test_scaling_makes_and_ends_no_more_than_the_difference(self) -> None:
        world = at_rest(replicas=4, proxies=2)
        for replicas in (12, 3, 7):
            world.respec(replicas=replicas)
            world.settle(60)
            world.check_settled()
        assert world.pods_made <= 12 + 4 + 2  # shares that grow are filled while others still shrink

    def test_one_proxy_s_clients_do_not_wait_for_another_s_idle_stock(self) -> None:
        world = at_rest(replicas=4, proxies=2, max_pods=4)
        for _ in range(12):
            world.connect(world.proxies[0], 1.0)
        world.run(60.0)
        assert {client.fate for client in world.clients} == {"served"}
        world.settle(60)
        world.check_settled()


class TestNobodyWaits:
    """Where the pool is not used faster than it is filled, clients find a pod at once, whatever else goes on."""

    def traffic(self, world: World, ready: Callable[[], list[int]], seconds: int) -> None:
        for second in range(seconds):
            choices = ready()
            client = world.connect(world.proxies[choices[second % len(choices)]], 2.0)
            world.run(1.5)
            assert client.waited < 1.0

    @pytest.mark.parametrize("proxies", [1, 2])
    def test_while_a_changed_template_is_rolled_out(self, proxies: int) -> None:
        world = at_rest(replicas=16, proxies=proxies)
        world.respec(image="chess:2")
        self.traffic(world, lambda: list(range(proxies)), 60)
        world.settle(60)
        world.check_settled()

    def test_while_proxies_are_replaced(self) -> None:
        world = at_rest(replicas=16, proxies=2)
        for _ in range(2):
            new = world.start_proxy()
            world.run(15.0)
            assert new.stock, "a new proxy is Ready when it has its share"
            open_ones = [number for number, proxy in enumerate(world.proxies) if not proxy.draining]
            world.proxies[open_ones[0]].drain()
            self.traffic(world, lambda keep=open_ones[1:]: keep, 20)  # type: ignore[misc]  # bound at once
        world.settle(60)
        world.check_settled()

    def test_while_the_pool_is_scaled_up_and_down(self) -> None:
        world = at_rest(replicas=12, proxies=2)
        for replicas in (20, 8, 16, 9):
            world.respec(replicas=replicas)
            self.traffic(world, lambda: [0, 1], 10)
        world.settle(60)
        world.check_settled()


class TestAProxyThatIsCutOff:
    def test_never_dials_what_was_taken_back_in_the_meantime(self) -> None:
        """Clients go on coming all the time, so few that its stock is never used up."""
        world = at_rest(replicas=90, proxies=3)
        cut_off = world.proxies[0]
        cut_off.cut_off(LEASE_SECONDS + GRACE_SECONDS + 100)
        served = []
        for _ in range(20):
            client = world.connect(cut_off, 0.5)
            world.run(10.0)
            cut_off.hang_up()
            served.append(client.fate == "served")
        assert served[0]
        assert not all(served), "its stock outlived the time it may be used"
        world.settle()
        world.check_settled()

    def test_keeps_its_connections_through_less_than_lease_and_grace(self) -> None:
        world = at_rest(replicas=3, proxies=3)
        client = world.connect(world.proxies[0], 300.0)
        world.run(5.0)
        world.proxies[0].cut_off(LEASE_SECONDS + GRACE_SECONDS - 10)
        world.run(290.0)
        assert len(world.sessions()) == 1
        world.run(10.0)
        assert not world.sessions()
        assert client.fate == "served"
        world.settle()
        world.check_settled()


@pytest.mark.parametrize("killed", ["kill_proxy", "restart_proxy"])
def test_a_proxy_killed_in_the_middle_of_a_burst_takes_only_its_own_clients_along(killed: str) -> None:
    world = at_rest(replicas=6, proxies=3, max_pods=40)
    for turn in range(60):
        world.connect(world.proxies[turn % 3], 5.0)
    world.run(3.0)
    getattr(world, killed)(world.proxies[0])
    world.settle()
    world.check_settled()
    fates = [client.fate for client in world.clients]
    assert fates.count("served") >= 40
    assert set(fates) <= {"served", "gone"}
