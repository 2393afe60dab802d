"""Which proxies live: only evidence counts, and absence is none."""

from collections import Counter
from collections.abc import Container
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from isoproxy.model.proxylease import LEASE_SECONDS, RENEW_SECONDS, ProxyLease
from isoproxy.operator.liveness import (
    IDLE_PROBE_SECONDS,
    MASS_HOLD_SECONDS,
    MAX_READS,
    PROBE_SECONDS,
    QUIET_SECONDS,
    Liveness,
    ProxyKey,
    Verdict,
)
from test.operator.builders import NAMESPACE, SERVICE, lease

GRACE = 300.0
ELSEWHERE = "elsewhere"
SERVICES = {(NAMESPACE, SERVICE), (ELSEWHERE, SERVICE)}


def key(instance: str, service: str = SERVICE) -> ProxyKey:
    return ProxyKey(NAMESPACE, service, instance)


class World:
    """Leases as the API server has them, watched and read once a second. Reads take no time, unless they fail."""

    def __init__(self, *, grace: float = GRACE) -> None:
        self.liveness = Liveness(grace_seconds=grace)
        self.now = 0.0
        self.leases: dict[ProxyKey, ProxyLease] = {}
        self.named: set[ProxyKey] = set()
        self.renewing: dict[ProxyKey, dict[str, Any]] = {}
        self.created: dict[ProxyKey, float] = {}
        self.watching = self.answering = True
        self.reads = 0
        self._versions = count(1)

    def alive(self, *instances: str, created: float | None = None, **words: int | bool | str) -> None:
        """Let proxies renew their Leases from now on, and do so once; ``created`` is what the Lease says of its age."""
        for instance in instances:
            named = key(instance)
            self.named.add(named)
            self.created.setdefault(named, self.now if created is None else created)
            self.renewing[named] = dict(words)
            self.renew(named)

    def renew(self, named: ProxyKey) -> None:
        words = self.renewing[named]
        version = next(self._versions)
        self.leases[named] = lease(named.instance, version=version, created=self.created[named], **words)

    def die(self, *instances: str) -> None:
        for instance in instances:
            del self.renewing[key(instance)]

    def delete(self, instance: str) -> None:
        del self.leases[key(instance)]

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.now += 1
            if self.now % RENEW_SECONDS == 0:
                for named in self.renewing:
                    self.renew(named)
            self.look()

    def look(self) -> None:
        if self.watching:
            for named in self.named:
                self.liveness.saw(named, self.leases.get(named), self.now)
        for named in self.liveness.due(self.now, SERVICES, ()):
            self.reads += 1
            if self.answering:
                self.liveness.read(named, self.leases.get(named), sent=self.now, replied=self.now)

    def leases_elsewhere(self, count: int, *, renewing: bool = False) -> set[ProxyKey]:
        """Write Leases for a service of another namespace, and keep them if ``renewing``."""
        made = {ProxyKey(ELSEWHERE, SERVICE, f"e-{number}") for number in range(count)}
        for named in made:
            self.named.add(named)
            self.created[named] = self.now
            self.renewing[named] = {}
            self.renew(named)
            if not renewing:
                del self.renewing[named]
        return made

    def verdicts(self) -> dict[ProxyKey, Verdict]:
        return self.liveness.verdicts(SERVICES)

    def verdict(self, instance: str) -> Verdict:
        return self.verdicts()[key(instance)]


def among_living(*, grace: float = GRACE) -> World:
    """Two proxies live, so that what befalls a third is no mass expiry."""
    world = World(grace=grace)
    world.alive("x-1", "y-1")
    return world


class TestALivingProxy:
    def test_is_never_doubted_nor_read(self) -> None:
        world = among_living()
        world.run(3600)
        assert world.verdict("x-1") is Verdict.ALIVE
        assert world.reads == 0

    def test_is_read_when_the_watch_is_quiet_and_found_alive(self) -> None:
        world = among_living()
        world.run(10)
        world.watching = False
        world.run(3600)
        assert world.verdict("x-1") is Verdict.ALIVE
        assert 0 < world.reads <= 2 * 3600 / PROBE_SECONDS

    def test_stays_alive_while_nothing_can_be_read(self) -> None:
        world = among_living()
        world.run(10)
        world.renewing.clear()
        world.answering = False
        world.run(24 * 3600)
        assert set(world.verdicts().values()) == {Verdict.ALIVE}

    def test_is_heard_of_again_by_the_first_renewal_however_long_it_was_expired(self) -> None:
        world = among_living()
        world.alive("a-1")
        world.run(5)
        world.die("a-1")
        world.run(60)
        assert world.verdict("a-1") is Verdict.EXPIRED
        world.alive("a-1")
        world.look()
        assert world.verdict("a-1") is Verdict.ALIVE

    def test_that_renews_once_in_a_while_is_not_lost(self) -> None:
        """A renewal begins the count anew."""
        world = among_living()
        world.alive("a-1")
        for _ in range(20):
            world.die("a-1")
            world.run(LEASE_SECONDS + GRACE - 30)
            world.alive("a-1")
            world.look()
            assert world.verdict("a-1") is Verdict.ALIVE


class TestASilentProxy:
    def test_is_expired_by_reads_that_agree_for_the_lease_s_duration_and_lost_after_the_grace(self) -> None:
        world = among_living()
        world.alive("a-1")
        world.run(5)
        world.die("a-1")
        changes: dict[Verdict, float] = {}
        for _ in range(600):
            world.run(1)
            changes.setdefault(world.verdict("a-1"), world.now - 5)
        assert list(changes) == [Verdict.ALIVE, Verdict.EXPIRED, Verdict.LOST]
        assert QUIET_SECONDS + LEASE_SECONDS <= changes[Verdict.EXPIRED] <= QUIET_SECONDS + LEASE_SECONDS + 7
        assert GRACE <= changes[Verdict.LOST] - changes[Verdict.EXPIRED] <= GRACE + PROBE_SECONDS

    def test_is_read_at_every_look_though_looks_are_never_quite_on_time(self) -> None:
        world = among_living()
        world.run(5)
        world.die("x-1")
        for looked_at in (15.0, 19.99, 25.02, 30.0, 34.98):
            world.now = looked_at
            world.renew(key("y-1"))
            world.look()
        assert world.reads == 5
        assert world.verdict("x-1") is Verdict.EXPIRED

    def test_is_judged_by_the_time_between_the_first_answer_and_the_last_question(self) -> None:
        """A slow answer may be older than it looks."""
        liveness = Liveness(grace_seconds=GRACE)
        held = lease("a-1")
        for other in ("x-1", "y-1"):
            liveness.saw(key(other), lease(other), 0.0)
        liveness.saw(key("a-1"), held, 0.0)
        liveness.read(key("a-1"), held, sent=10.0, replied=20.0)
        liveness.read(key("a-1"), held, sent=20.0 + LEASE_SECONDS - 0.1, replied=99.0)
        assert liveness.verdicts(SERVICES)[key("a-1")] is Verdict.ALIVE
        liveness.read(key("a-1"), held, sent=20.0 + LEASE_SECONDS, replied=99.0)
        assert liveness.verdicts(SERVICES)[key("a-1")] is Verdict.EXPIRED

    def test_that_was_never_seen_to_renew_is_given_the_same_time(self) -> None:
        """A new operator knows nothing: neither Leases long expired nor records that name an unknown proxy count."""
        world = among_living()
        world.alive("a-1")
        world.die("a-1")
        world.named.add(key("b-1"))  # only a record names it
        world.run(LEASE_SECONDS - 1)
        assert world.verdict("a-1") is world.verdict("b-1") is Verdict.ALIVE
        world.run(20)
        assert world.verdict("a-1") is world.verdict("b-1") is Verdict.EXPIRED

    def test_whose_lease_is_deleted_is_not_dead_before_the_same_count(self) -> None:
        world = among_living()
        world.alive("a-1")
        world.run(5)
        world.die("a-1")
        world.delete("a-1")
        world.run(QUIET_SECONDS + LEASE_SECONDS - 2)
        assert world.verdict("a-1") is Verdict.ALIVE
        world.run(10)
        assert world.verdict("a-1") is Verdict.EXPIRED
        world.run(GRACE - 10)
        assert world.verdict("a-1") is Verdict.EXPIRED
        world.run(20)
        assert world.verdict("a-1") is Verdict.LOST

    def test_that_makes_its_deleted_lease_anew_goes_on(self) -> None:
        world = among_living()
        world.alive("a-1")
        world.run(5)
        world.delete("a-1")
        world.run(60)
        assert world.verdict("a-1") is Verdict.ALIVE

    @pytest.mark.parametrize("deleted", [False, True])
    def test_is_given_the_grace_that_it_promised_itself_if_that_is_longer(self, deleted: bool) -> None:
        world = among_living(grace=60)
        world.alive("a-1", grace_seconds=300)
        world.run(5)
        world.die("a-1")
        if deleted:
            world.delete("a-1")
        world.run(LEASE_SECONDS + 295)
        assert world.verdict("a-1") is Verdict.EXPIRED
        world.run(25)
        assert world.verdict("a-1") is Verdict.LOST

    def test_cannot_shorten_the_operator_s_grace(self) -> None:
        world = among_living()
        world.alive("a-1", grace_seconds=1)
        world.run(5)
        world.die("a-1")
        world.run(GRACE)
        assert world.verdict("a-1") is Verdict.EXPIRED


class TestAProxyThatEnded:
    def test_is_believed_at_once_and_not_read_any_more(self) -> None:
        world = among_living()
        world.alive("a-1", draining=True)
        world.run(5)
        world.alive("a-1", draining=True, ended=True)
        world.die("a-1")
        world.look()
        assert world.verdict("a-1") is Verdict.ENDED
        world.run(600)
        assert world.reads == 0

    def test_does_not_make_the_others_suspect(self) -> None:
        world = World()
        world.alive("a-1", "b-1", "c-1", ended=True)
        world.alive("d-1", "e-1", "f-1")
        world.run(5)
        world.die("d-1")
        world.run(QUIET_SECONDS + LEASE_SECONDS + GRACE + 20)
        assert world.verdict("d-1") is Verdict.LOST


class TestAProxyThatWasStartedAnew:
    """Its container was restarted: the same pod, another instance. Two instances of one pod never overlap."""

    def test_is_no_supply_at_once_and_ended_when_the_newer_has_outlived_it(self) -> None:
        world = among_living()
        world.alive("pod-1")
        world.run(5)
        world.die("pod-1")
        world.run(2)
        world.alive("pod-2")
        world.look()
        assert world.verdict("pod-1") is Verdict.EXPIRED
        world.run(2 * RENEW_SECONDS)
        assert world.verdict("pod-1") is Verdict.ENDED
        assert world.verdict("pod-2") is Verdict.ALIVE

    def test_is_not_taken_for_the_older_one_because_clocks_differ(self) -> None:
        """Which Lease is older is told by the clocks of API servers."""
        world = among_living()
        world.alive("pod-1")
        world.run(5)
        world.die("pod-1")
        world.alive("pod-2", created=-1.0)
        for _ in range(60):
            world.run(1)
            assert world.verdict("pod-2") is not Verdict.ENDED
        assert world.verdict("pod-2") is Verdict.ALIVE

    def test_has_nothing_to_do_with_other_pods_or_services(self) -> None:
        world = among_living()
        world.alive("pod-1")
        world.alive("other-2")
        world.alive("pod-3", service_uid="another-service")
        for _ in range(60):
            world.run(1)
            assert set(world.verdicts().values()) == {Verdict.ALIVE}

    def test_has_nothing_to_do_with_what_is_called_so_in_another_namespace(self) -> None:
        world = among_living()
        world.alive("pod-1")
        world.run(5)
        world.die("pod-1")
        world.run(2)
        foreign = ProxyKey(ELSEWHERE, SERVICE, "pod-2")
        world.liveness.saw(foreign, lease("pod-2", created=world.now), world.now)
        assert world.verdict("pod-1") is Verdict.ALIVE


class TestWhenMostExpireTogether:
    def test_none_is_ended_by_time_for_long(self) -> None:
        world = World()
        world.alive("a-1", "b-1", "c-1")
        world.run(5)
        world.die("a-1", "b-1")
        world.run(MASS_HOLD_SECONDS)
        assert world.verdict("a-1") is world.verdict("b-1") is Verdict.EXPIRED
        assert world.verdict("c-1") is Verdict.ALIVE
        world.run(60)
        assert world.verdict("a-1") is world.verdict("b-1") is Verdict.LOST

    @pytest.mark.parametrize("stranger", [ProxyKey(NAMESPACE, "made-up", "x-1"), ProxyKey("nowhere", SERVICE, "x-1")])
    def test_leases_for_services_that_are_not_there_do_not_count(self, stranger: ProxyKey) -> None:
        world = among_living()
        world.alive("a-1")
        world.named |= (strangers := {replace(stranger, instance=f"x-{number}") for number in range(5)})
        world.leases |= {one: lease(one.instance) for one in strangers}
        world.run(5)
        world.die("a-1")
        world.run(QUIET_SECONDS + LEASE_SECONDS + GRACE + 20)
        assert world.verdict("a-1") is Verdict.LOST
        world.run(IDLE_PROBE_SECONDS)
        verdicts = world.verdicts()
        assert {verdicts[one] for one in strangers} == {Verdict.LOST}, "theirs are deleted as any others"

    def test_those_of_other_namespaces_do_not_count(self) -> None:
        """Whoever may make services and Leases elsewhere can neither have the dead of others waited for, ..."""
        world = among_living()
        world.alive("a-1")
        others = world.leases_elsewhere(10)
        world.run(5)
        world.die("a-1")
        world.run(QUIET_SECONDS + LEASE_SECONDS + GRACE + 20)
        assert world.verdict("a-1") is Verdict.LOST
        assert {world.verdicts()[one] for one in others} == {Verdict.EXPIRED}

    def test_those_that_live_in_other_namespaces_do_not_count_either(self) -> None:
        """... nor have those of others ended that are parted from the API server."""
        world = World()
        world.alive("a-1", "b-1")
        others = world.leases_elsewhere(10, renewing=True)
        world.run(5)
        world.die("a-1", "b-1")
        world.run(MASS_HOLD_SECONDS - 60)
        assert world.verdict("a-1") is world.verdict("b-1") is Verdict.EXPIRED
        assert {world.verdicts()[one] for one in others} == {Verdict.ALIVE}

    def test_the_only_proxy_of_a_namespace_is_lost_as_soon_as_another_lives_in_its_place(self) -> None:
        world = World()
        world.alive("a-1")
        world.run(5)
        world.die("a-1")
        world.run(2 * GRACE)
        assert world.verdict("a-1") is Verdict.EXPIRED
        world.alive("b-1")
        world.look()
        assert world.verdict("a-1") is Verdict.LOST

    def test_half_is_not_most(self) -> None:
        world = World()
        world.alive("a-1", "b-1", "c-1", "d-1")
        world.run(5)
        world.die("a-1", "b-1")
        world.run(QUIET_SECONDS + LEASE_SECONDS + GRACE + 20)
        assert world.verdict("a-1") is Verdict.LOST

    def test_proof_of_an_end_counts_nevertheless(self) -> None:
        world = World()
        world.alive("a-1", "b-1")
        world.run(5)
        world.die("b-1")
        world.alive("a-1", ended=True)
        world.die("a-1")
        world.run(400)
        assert world.verdict("a-1") is Verdict.ENDED

    def test_those_that_were_started_anew_are_no_reason_to_hold_up_the_others(self) -> None:
        world = World()
        world.alive("a-1", "b-1", "c-1")
        world.run(5)
        world.die("a-1", "b-1", "c-1")
        world.alive("b-2", "c-2", "d-1")
        world.run(QUIET_SECONDS + LEASE_SECONDS + GRACE + 20)
        assert world.verdict("a-1") is Verdict.LOST


def test_a_proxy_that_nothing_names_any_more_is_forgotten() -> None:
    world = among_living()
    world.run(5)
    world.liveness.keep_only([key("x-1")])
    assert set(world.verdicts()) == {key("x-1")}
    world.liveness.read(key("y-1"), None, sent=5.0, replied=5.0)
    assert set(world.verdicts()) == {key("x-1")}


@pytest.mark.parametrize(("instance", "home"), [("0b-5f-a1b2", "0b-5f"), ("plain", "")])
def test_an_instance_s_home_is_its_pod(instance: str, home: str) -> None:
    assert key(instance).pod_uid == home


class TestReads:
    """Of Leases that say nothing any more, at most so many and so often."""

    @staticmethod
    def silent(*keys: ProxyKey) -> Liveness:
        liveness = Liveness(grace_seconds=GRACE)
        for one in keys:
            liveness.saw(one, lease(one.instance), 0.0)
        return liveness

    def reads(self, liveness: Liveness, seconds: int, named: Container[ProxyKey] = ()) -> Counter[ProxyKey]:
        """How often each is read in so many seconds, at a look for each of these."""
        first = round(QUIET_SECONDS) + 1
        return Counter(one for now in range(first, first + seconds) for one in liveness.due(now, SERVICES, named))

    def test_are_frequent_where_there_is_such_a_service_or_a_record_names_the_proxy_and_rare_elsewhere(self) -> None:
        ours, recorded, made_up = key("a-1"), key("b-1", "gone"), key("c-1", "none")
        counts = self.reads(self.silent(ours, recorded, made_up), 600, {recorded})
        assert counts[ours] == counts[recorded] == 600 / PROBE_SECONDS
        assert counts[made_up] == 600 / IDLE_PROBE_SECONDS

    def test_a_service_elsewhere_does_not_make_them_frequent(self) -> None:
        stranger = ProxyKey("third", SERVICE, "a-1")
        assert self.reads(self.silent(stranger), 600)[stranger] == 600 / IDLE_PROBE_SECONDS

    def test_are_bounded_for_each_namespace_at_each_look(self) -> None:
        many = [key(f"a-{number}") for number in range(3 * MAX_READS)]
        other = ProxyKey(ELSEWHERE, SERVICE, "b-1")
        liveness = self.silent(*many, other)
        due = [set(liveness.due(now, SERVICES, ())) for now in (10, 11, 12)]
        assert [len(read & set(many)) for read in due] == [MAX_READS] * 3
        assert set().union(*due) == {*many, other}, "each has its turn"
        assert other in due[0], "whatever is in another namespace"

    def test_of_what_matters_come_before_others_in_a_namespace(self) -> None:
        made_up = [key(f"a-{number}", "none") for number in range(3 * MAX_READS)]
        ours = key("b-1")
        assert ours in self.silent(*made_up, ours).due(10, SERVICES, ())

    def test_that_are_rare_find_the_dead_all_the_same(self) -> None:
        made_up = key("a-1", "none")
        liveness = self.silent(made_up)
        now = 0
        while liveness.verdicts(SERVICES)[made_up] is not Verdict.LOST:
            now += 5
            for one in liveness.due(now, SERVICES, ()):
                liveness.read(one, lease(one.instance), sent=now, replied=now)
            assert now < GRACE + 3 * IDLE_PROBE_SECONDS
