import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoproxy.local.apiserver.options import ListOptions
from isoproxy.local.apiserver.reads import Page
from test.local.apiserver.objects import Server, config_map, pod, refused, widget


def filled(count: int, **limits: int) -> Server:
    server = Server(**limits)
    for number in range(count):
        server.create(server.config_maps, config_map(f"n{number:02}"))
    return server


def page(server: Server, **options: object) -> Page:
    return server.core.list(server.config_maps, None, ListOptions(**options))  # type: ignore[arg-type]  # a table's row


def names(page: Page) -> list[str]:
    return [item.object["metadata"]["name"] for item in page.items]


def test_a_list_is_sorted_and_says_its_version() -> None:
    server = filled(3)
    found = page(server)
    assert names(found) == ["n00", "n01", "n02"]
    assert found.version == server.core.store.version


@settings(deadline=None)
@given(st.integers(0, 12), st.integers(1, 5))
def test_pages_together_are_the_list_as_it_was_at_the_first(count: int, limit: int) -> None:
    server = filled(count)
    expected, version = names(page(server)), server.core.store.version
    found, token = [], ""
    for step in range(20):
        part = page(server, limit=limit, continue_token=token)
        assert part.version == version
        found += names(part)
        token = part.continue_token
        if not token:
            break
        # What happens between the pages is not seen in them.
        server.create(server.config_maps, config_map(f"a{step:02}"))
        server.create(server.config_maps, config_map(f"z{step:02}"))
        if step < count:
            server.core.delete(server.config_maps, "default", f"n{step:02}")
    assert found == expected


def test_a_page_says_how_many_are_left() -> None:
    assert page(filled(5), limit=2).remaining == 3
    assert page(filled(5), limit=2, label_selector="!a").remaining is None


def test_a_page_of_a_list_that_is_too_old_is_gone() -> None:
    server = filled(4, history=8)
    token = page(server, limit=2).continue_token
    server.forget()
    refusal = refused(page, server, continue_token=token)
    assert (refusal.code, refusal.reason) == (410, "Expired")


@pytest.mark.parametrize("version", ["1e3", "1" + "0" * 400])
def test_a_page_of_a_list_that_is_yet_to_come_is_gone(version: str) -> None:
    token = base64.urlsafe_b64encode(b'{"rv":%s,"start":["default","n00"]}' % version.encode()).decode()
    refusal = refused(page, filled(1), continue_token=token)
    assert (refusal.code, refusal.reason) == (410, "Expired")


def test_an_exact_version_is_listed_as_it_was() -> None:
    server = filled(2)
    version = str(server.core.store.version)
    server.core.delete(server.config_maps, "default", "n00")
    assert names(page(server, resource_version=version, resource_version_match="Exact")) == ["n00", "n01"]
    assert names(page(server, resource_version=version)) == ["n01"]
    assert names(page(server, resource_version="0")) == ["n01"]


def test_a_version_that_is_yet_to_come_is_not_waited_for() -> None:
    server = filled(1)
    refusal = refused(page, server, resource_version=str(server.core.store.version + 1))
    assert (refusal.code, refusal.details["retryAfterSeconds"]) == (504, 1)


def test_options_that_make_no_sense_are_refused() -> None:
    server = filled(3)
    token = page(server, limit=1).continue_token
    cases: list[tuple[dict[str, object], int]] = [
        ({"continue_token": "!!"}, 400),
        ({"continue_token": "e30"}, 400),
        ({"continue_token": base64.urlsafe_b64encode(b'{"rv":1e999,"start":["a","b"]}').decode()}, 400),
        ({"continue_token": token, "resource_version": "101"}, 400),
        ({"resource_version": "new"}, 400),
        ({"field_selector": "spec.unknown=1"}, 400),
        ({"label_selector": "a b"}, 400),
        ({"resource_version_match": "Exact"}, 422),
        ({"resource_version_match": "Exact", "resource_version": "0"}, 422),
        ({"resource_version_match": "Sideways", "resource_version": "101"}, 422),
        ({"resource_version_match": "Exact", "resource_version": "101", "continue_token": token}, 422),
    ]
    for case, code in cases:
        assert refused(page, server, **case).code == code, case


def test_fields_select(server: Server) -> None:
    server.create(server.widgets, widget("one"))
    server.create(server.widgets, widget("two", color="blue"))
    cases = {
        "metadata.name=two": ["two"],
        "metadata.name!=two": ["one"],
        "metadata.name==two,spec.color=red": [],
        "spec.color=blue": ["two"],
        "status.phase=New": ["one", "two"],  # a default counts
        "metadata.namespace=default": ["one", "two"],
    }
    for selector, expected in cases.items():
        found = server.core.list(server.widgets, "default", ListOptions(field_selector=selector))
        assert names(found) == expected, selector


def test_pods_are_found_by_their_node(server: Server) -> None:
    server.create(server.pods, pod("here"))
    server.create(server.pods, pod("there"))
    server.core.bind(server.pods, "default", "here", "node-1")
    for selector, expected in {"spec.nodeName=node-1": ["here"], "spec.nodeName=": ["there"]}.items():
        assert names(server.core.list(server.pods, None, ListOptions(field_selector=selector))) == expected
