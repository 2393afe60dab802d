"""What a service's children are to be is worked out once, and anew when it changes: never told from before."""

from dataclasses import replace
from typing import Any

import pytest

from isoproxy.model.dedicatedservice import ServiceSpec
from isoproxy.model.proxies import ProxyImage
from isoproxy.operator.childkinds import fingerprint, made_from
from isoproxy.operator.family import family, spelt_out
from isoproxy.operator.observed import Observed
from test.operator.builders import Scene, record, service

BEFORE = Observed(service(port=8080), proxy_image=ProxyImage("isoproxy:1"))
RENAMED = replace(service().metadata, name="draughts")
MADE_ANEW = replace(service().metadata, uid="another")


def remembering(observed: Observed) -> Observed:
    return replace(observed, family=family(BEFORE))


@pytest.mark.parametrize(
    "changes",
    [
        {"service": service(port=7777)},
        {"service": service(image="chess:2")},
        {"service": service(service=ServiceSpec(annotations={"a": "b"}))},
        {"service": replace(service(), metadata=RENAMED)},
        {"service": replace(service(), metadata=MADE_ANEW)},
        {"proxy_image": ProxyImage("isoproxy:2")},
        {"proxy_image": None},
        {"records": (record("a", port=7777),)},
    ],
)
def test_what_changes_it_has_it_worked_out_anew(changes: dict[str, Any]) -> None:
    observed = replace(BEFORE, **changes)
    assert family(remembering(observed)) == family(observed) != family(BEFORE)


def test_what_does_not_change_it_leaves_it_as_it_was() -> None:
    shown_again = replace(service(port=8080), metadata=replace(service().metadata, resource_version="9", generation=4))
    observed = remembering(replace(BEFORE, service=shown_again, records=(record("a"), record("b"))))
    assert family(observed) is observed.family


@pytest.mark.parametrize("image", [None, ProxyImage("isoproxy:1"), ProxyImage("isoproxy:1", budgets=False)])
def test_it_has_a_fingerprint_of_each_manifest(image: ProxyImage | None) -> None:
    observed = Observed(service(), proxy_image=image)
    manifests = spelt_out(observed)
    assert tuple(manifests) == made_from(image)
    assert {child: (one.metadata, one.manifest) for child, one in family(observed).children.items()} == {
        child: (made["metadata"], fingerprint(made)) for child, made in manifests.items()
    }


def test_a_pass_is_given_what_the_one_before_it_found() -> None:
    scene = Scene().deploy()
    first = scene.plan().family
    assert scene.plan().family is first
    assert scene.respec(port=7777).plan().family is not first
