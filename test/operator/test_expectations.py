"""Writes that the watch has not shown yet."""

from dataclasses import replace

import pytest

from isoproxy.kube.cache import Change
from isoproxy.model.isolationpod import IsolationPod, IsolationPodSpec
from isoproxy.model.metadata import ObjectMeta
from isoproxy.operator.expectations import EXPIRY_SECONDS, Expectations


def record(name: str = "a", *, uid: str = "u1", version: int = 1) -> IsolationPod:
    return IsolationPod(
        metadata=ObjectMeta(name=name, namespace="n", uid=uid, resource_version=str(version)),
        spec=IsolationPodSpec(service_name="s", pod_name=name, port=1),
    )


def change(old: IsolationPod | None, new: IsolationPod | None) -> Change[IsolationPod]:
    named = new or old
    assert named is not None
    return Change(("n", named.metadata.name), old, new)


def test_a_created_object_is_there_before_the_watch_shows_it() -> None:
    expected: Expectations[IsolationPod] = Expectations()
    expected.wrote(record(), 0.0)
    assert expected.overlay([], 1.0) == [record()]


def test_an_older_version_in_the_watch_does_not_undo_a_write() -> None:
    expected: Expectations[IsolationPod] = Expectations()
    expected.wrote(record(version=10), 0.0)
    expected.saw(change(None, record(version=9)))
    assert expected.overlay([record(version=9)], 1.0) == [record(version=10)]


def test_versions_are_compared_as_numbers() -> None:
    expected: Expectations[IsolationPod] = Expectations()
    expected.wrote(record(version=10), 0.0)
    expected.saw(change(None, record(version=11)))
    assert expected.overlay([record(version=11)], 1.0) == [record(version=11)]


def test_an_answer_that_comes_after_the_watch_has_shown_more_changes_nothing() -> None:
    expected: Expectations[IsolationPod] = Expectations()
    expected.saw(change(record(version=9), record(version=10)))
    expected.saw(change(record(version=10), record(version=11)))
    expected.wrote(record(version=10), 0.0)
    assert expected.overlay([record(version=11)], 1.0) == [record(version=11)]
    # Nor does it come back with the object gone.
    assert expected.overlay([], 2.0) == []


def test_what_was_created_and_deleted_between_two_passes_is_gone() -> None:
    expected: Expectations[IsolationPod] = Expectations()
    expected.wrote(record(version=5), 0.0)
    expected.saw(change(record(version=5), None))
    assert expected.overlay([], 1.0) == []


@pytest.mark.parametrize(("cursor", "is_there"), [(None, True), ("9", True), ("10", False), ("11", False)])
def test_what_a_watch_that_has_come_so_far_does_not_show_is_gone(cursor: str | None, is_there: bool) -> None:
    """It was created and deleted before the answer came, or while the watch was broken: no event will tell of it."""
    expected: Expectations[IsolationPod] = Expectations({"n": cursor}.get)
    expected.wrote(record(version=10), 0.0)
    assert expected.overlay([], 1.0) == [record(version=10)] * is_there


def test_a_deleted_object_is_gone_before_the_watch_says_so() -> None:
    expected: Expectations[IsolationPod] = Expectations()
    expected.deleted(record(), 0.0)
    assert expected.overlay([record()], 1.0) == []


def test_a_deletion_does_not_hide_another_object_of_the_same_name() -> None:
    expected: Expectations[IsolationPod] = Expectations()
    expected.deleted(record(uid="u1"), 0.0)
    again = record(uid="u2", version=9)
    expected.saw(change(None, again))
    assert expected.overlay([again], 1.0) == [again]


def test_an_object_of_the_name_in_another_namespace_is_another() -> None:
    expected: Expectations[IsolationPod] = Expectations()
    expected.wrote(record(version=10), 0.0)
    foreign = replace(record(uid="u2"), metadata=ObjectMeta(name="a", namespace="elsewhere", uid="u2"))
    expected.saw(Change(("elsewhere", "a"), None, foreign))
    assert expected.overlay([foreign], 1.0) == [foreign, record(version=10)]


def test_a_late_update_of_a_deleted_object_does_not_bring_it_back() -> None:
    expected: Expectations[IsolationPod] = Expectations()
    expected.deleted(record(version=3), 0.0)
    expected.saw(change(record(version=2), record(version=3)))
    assert expected.overlay([record(version=3)], 1.0) == []


def test_a_creation_of_unknown_outcome_counts_until_it_is_seen() -> None:
    expected: Expectations[IsolationPod] = Expectations()
    expected.unknown("a", 0.0)
    expected.unknown("b", 0.0)
    assert expected.count_unknown(1.0) == 2
    expected.saw(change(None, record("a")))
    assert expected.count_unknown(1.0) == 1


def test_nothing_is_expected_for_ever() -> None:
    expected: Expectations[IsolationPod] = Expectations()
    expected.wrote(record("a"), 0.0)
    expected.unknown("b", 0.0)
    expected.deleted(record("c"), 0.0)
    assert expected.overlay([record("c")], EXPIRY_SECONDS) == [record("c")]
    assert expected.count_unknown(EXPIRY_SECONDS) == 0
