"""What is seen of one service: whose Pod is whose, and which proxies' words count."""

import pytest

from isoproxy.operator.liveness import Verdict
from isoproxy.operator.observed import Observed, Proxy
from test.operator.builders import lease, pod, record, service


class TestPodOf:
    def test_is_the_one_of_its_name_that_it_owns(self) -> None:
        observed = Observed(service(), pods={"p": pod("p"), "q": pod("q")})
        assert observed.pod_of(record("p")) == pod("p")
        assert observed.pod_of(record("x")) is None

    @pytest.mark.parametrize("owner", ["", "another"])
    def test_is_not_one_that_another_owns(self, owner: str) -> None:
        assert Observed(service(), pods={"p": pod("p", owner=owner)}).pod_of(record("p")) is None

    def test_is_not_one_that_took_the_place_of_the_one_assigned(self) -> None:
        observed = Observed(service(), pods={"p": pod("p", uid="another")})
        assert observed.pod_of(record("p", proxy="a")) is None
        assert observed.pod_of(record("p")) is not None


class TestProxy:
    def test_says_what_it_has_and_lacks_while_it_lives(self) -> None:
        proxy = Proxy("a", Verdict.ALIVE, lease("a", queued=3, held=5, claimed=2))
        assert (proxy.accepting, proxy.queued, proxy.held, proxy.claimed) == (True, 3, 5, 2)

    @pytest.mark.parametrize("verdict", [Verdict.EXPIRED, Verdict.LOST, Verdict.ENDED])
    def test_has_its_last_words_forgotten_when_it_does_not(self, verdict: Verdict) -> None:
        proxy = Proxy("a", verdict, lease("a", queued=3, held=5, claimed=2))
        assert (proxy.accepting, proxy.queued, proxy.held, proxy.claimed) == (False, 0, 0, 0)

    def test_without_a_lease_says_nothing(self) -> None:
        proxy = Proxy("a", Verdict.ALIVE)
        assert (proxy.accepting, proxy.queued, proxy.held, proxy.claimed) == (False, 0, 0, 0)

    def test_cannot_have_claimed_more_than_it_holds(self) -> None:
        assert Proxy("a", Verdict.ALIVE, lease("a", held=1, claimed=9)).claimed == 1
