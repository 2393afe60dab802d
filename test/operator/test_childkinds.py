"""What is kept of the objects that a service may have one of: anybody may make them, as large as they may be."""

from isoproxy.model.parsing import Json
from isoproxy.model.proxies import ProxyImage
from isoproxy.operator.belonging import made_for
from isoproxy.operator.childkinds import MAX_ANNOTATIONS, MAX_VALUE, parse_child
from isoproxy.operator.family import family
from isoproxy.operator.kept import MAX_NAME, MAX_OWNERS
from isoproxy.operator.observed import ChildObject, Observed
from test.operator.builders import SERVICE_UID, service

OWNER = {"kind": "DedicatedService", "name": "chess", "uid": SERVICE_UID, "controller": True}
OTHER = {"kind": "Other", "name": "n" * 10_000, "uid": "u" * 10_000}


def child(**metadata: object) -> ChildObject:
    return parse_child({"metadata": {"name": "chess-proxy", "namespace": "games", "uid": "u"} | metadata})


def test_of_what_is_no_services_no_annotation_is_kept() -> None:
    annotations = {"a": "b"}
    assert child(annotations=annotations).metadata.annotations == {}
    assert child(annotations=annotations, ownerReferences=[OWNER]).metadata.annotations == annotations


def test_long_annotations_are_told_apart_and_not_kept() -> None:
    def kept(value: str) -> str:
        return child(annotations={"a": value}, ownerReferences=[OWNER]).metadata.annotations["a"]

    one, other = "x" * 100_000, "x" * 99_999 + "y"
    assert kept(one) == kept(one) != kept(other)
    assert len(kept(one)) <= MAX_VALUE


def test_many_annotations_are_not_all_kept() -> None:
    many = child(annotations={f"a{number}": "" for number in range(10_000)}, ownerReferences=[OWNER])
    assert len(many.metadata.annotations) == MAX_ANNOTATIONS


def test_of_labels_those_are_kept_that_children_have() -> None:
    of = service()
    wanted = family(Observed(service=of, proxy_image=ProxyImage("i"))).children
    for manifest in wanted.values():
        said: Json = manifest.metadata["labels"]
        assert child(labels=said | {"another": "one"}).metadata.labels == said


def test_an_owner_counts_among_however_many_others_of_which_few_are_kept() -> None:
    meta = child(ownerReferences=[OTHER] * 1000 + [OWNER]).metadata
    assert made_for(meta, SERVICE_UID)
    assert len(meta.owner_references) == MAX_OWNERS
    assert {len(owner.uid) for owner in meta.owner_references} == {len(SERVICE_UID), MAX_NAME}
    assert child(ownerReferences=[OTHER]).metadata.owner_references, "of a wall it is asked whether it has any"
