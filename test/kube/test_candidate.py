"""Who may hold the Lease when: flat scripts of what one candidate sees and sends."""

from datetime import UTC, datetime

import pytest

from isoproxy.kube.candidate import RENEW_SECONDS, Candidate
from isoproxy.model.leaderlease import LEASE_SECONDS, LeaderLease, LeaderSpec
from isoproxy.model.metadata import ObjectMeta

WALL = datetime(2026, 1, 1, tzinfo=UTC)
WROTE = "2026-01-01T00:00:00.000000Z"


def lease(holder: str, version: int = 1, *, duration: int = LEASE_SECONDS, transitions: int = 3) -> LeaderLease:
    return LeaderLease(
        metadata=ObjectMeta(name="l", resource_version=str(version)),
        spec=LeaderSpec(holder_identity=holder, lease_duration_seconds=duration, lease_transitions=transitions),
    )


def leading(now: float = 100.0) -> Candidate:
    """One that took the Lease at that time, as version 2."""
    candidate = Candidate("us")
    candidate.saw(lease("", 1), now)
    candidate.claim(WALL)
    candidate.claimed(lease("us", 2), sent=now, replied=now)
    assert candidate.leads(now)
    return candidate


def test_a_lease_that_is_not_there_is_created() -> None:
    candidate = Candidate("us")
    assert candidate.must_look(0)
    candidate.saw(None, 0)
    assert candidate.may_hold(0)
    write = candidate.claim(WALL)
    assert write.creates
    spec = {"holderIdentity": "us", "leaseDurationSeconds": 15, "leaseTransitions": 0}
    assert write.body["spec"] == spec | {"acquireTime": WROTE, "renewTime": WROTE}
    assert not candidate.leads(0)
    candidate.claimed(lease("us"), sent=0.0, replied=0.5)
    assert candidate.leads(0.5)


def test_a_lease_that_is_free_is_taken_as_it_was_seen() -> None:
    candidate = Candidate("us")
    candidate.saw(lease("", 7), 0)
    write = candidate.claim(WALL)
    assert not write.creates
    assert write.body["metadata"] == {"resourceVersion": "7"}
    assert write.body["spec"]["leaseTransitions"] == 4
    assert write.body["spec"]["acquireTime"] == WROTE


def test_a_leader_renews_what_it_wrote_last_without_a_look_and_keeps_its_beginning() -> None:
    candidate = leading()
    assert not candidate.must_look(102.0)
    write = candidate.claim(WALL)
    assert write.body == {
        "metadata": {"resourceVersion": "2"},
        "spec": {"holderIdentity": "us", "leaseDurationSeconds": 15, "renewTime": WROTE},
    }


def test_leadership_ends_by_itself_reckoned_from_when_the_renewal_was_sent() -> None:
    candidate = leading(100.0)
    candidate.claim(WALL)
    candidate.claimed(lease("us", 3), sent=102.0, replied=109.0)
    assert candidate.until == 102.0 + RENEW_SECONDS
    assert candidate.leads(111.9)
    assert not candidate.leads(112.0)
    assert RENEW_SECONDS < LEASE_SECONDS


def test_a_reply_that_took_longer_than_leadership_lasts_proves_nothing() -> None:
    candidate = Candidate("us")
    candidate.saw(None, 0)
    candidate.claim(WALL)
    candidate.claimed(lease("us"), sent=0.0, replied=RENEW_SECONDS)
    assert not candidate.leads(RENEW_SECONDS)


def test_anothers_lease_runs_out_when_it_was_seen_unchanged_for_as_long_as_it_lasts() -> None:
    candidate = Candidate("us")
    candidate.saw(lease("other", 1), 0.0)
    candidate.saw(lease("other", 1), 14.0)
    assert not candidate.may_hold(14.9)
    assert candidate.may_hold(15.0)


def test_each_change_of_anothers_lease_gives_it_its_whole_time_again() -> None:
    candidate = Candidate("us")
    candidate.saw(lease("other", 1), 0.0)
    candidate.saw(lease("other", 2), 14.0)
    assert not candidate.may_hold(28.9)
    assert candidate.may_hold(29.0)


def test_a_holder_that_asked_for_more_time_has_it() -> None:
    candidate = Candidate("us")
    candidate.saw(lease("other", duration=60), 0.0)
    assert not candidate.may_hold(59.0)
    assert candidate.may_hold(60.0)


@pytest.mark.parametrize("holder", ["us", "other", ""])
def test_a_write_without_a_reply_is_looked_after_before_the_next(holder: str) -> None:
    candidate = leading(100.0)
    candidate.claim(WALL)
    assert candidate.must_look(102.0)
    assert candidate.leads(102.0)
    candidate.saw(lease(holder, 3), 102.1)
    assert candidate.leads(102.1) is (holder == "us")
    assert candidate.may_hold(102.1) is (holder != "other")


def test_a_leader_that_sees_another_in_its_place_leads_no_more() -> None:
    candidate = leading(100.0)
    candidate.saw(lease("other", 9), 101.0)
    assert not candidate.leads(101.0)
    assert candidate.must_look(101.0)


def test_a_lease_of_another_that_was_deleted_has_not_run_out() -> None:
    candidate = Candidate("us")
    candidate.saw(lease("other"), 0.0)
    candidate.saw(None, 1.0)
    assert candidate.holder == ""
    assert not candidate.may_hold(14.0)
    assert candidate.may_hold(15.0)
    assert candidate.claim(WALL).creates


def test_a_leader_whose_lease_was_deleted_makes_it_again() -> None:
    candidate = leading(100.0)
    candidate.claim(WALL)
    candidate.saw(None, 102.0)
    assert candidate.leads(102.0)
    assert candidate.may_hold(102.0)
    assert candidate.claim(WALL).creates


def test_what_is_released_is_free_for_others_at_once() -> None:
    candidate = leading(100.0)
    candidate.resign()
    assert not candidate.leads(100.0)
    assert candidate.must_release
    assert candidate.release(WALL) == {
        "metadata": {"resourceVersion": "2"},
        "spec": {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": WROTE},
    }
    candidate.saw(lease("", 3), 101.0)
    assert not candidate.must_release


def test_only_its_own_lease_is_released() -> None:
    candidate = Candidate("us")
    assert not candidate.must_release
    candidate.saw(lease("other"), 0.0)
    assert not candidate.must_release
    assert candidate.release(WALL) is None


def test_a_claim_of_unknown_outcome_may_have_to_be_released() -> None:
    candidate = Candidate("us")
    candidate.saw(lease("", 1), 0.0)
    candidate.claim(WALL)
    assert candidate.must_release
    assert candidate.release(WALL) is None
    candidate.saw(lease("us", 2), 1.0)
    assert candidate.release(WALL) is not None
