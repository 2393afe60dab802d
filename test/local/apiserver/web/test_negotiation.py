import pytest

from isoproxy.local.apiserver.changes import APPLY, MERGE
from isoproxy.local.apiserver.web.negotiation import JSON, YAML, Format, choose, read_body
from test.local.apiserver.objects import refused

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
KUBECTL = f"{TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", Format()),
        ("*/*", Format()),
        ("application/*", Format()),
        (JSON, Format()),
        ("application/json;stream=watch", Format()),
        (YAML, Format(media=YAML)),
        (KUBECTL, Format("Table")),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Format()),
        ("application/json, application/yaml;q=0.5", Format()),
        ("application/json;q=0.1, application/yaml;q=0.5", Format(media=YAML)),
        ("application/vnd.kubernetes.protobuf,application/json", Format()),
        ("application/vnd.kubernetes.protobuf, */*;q=0.1", Format()),
        ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", Format("PartialObjectMetadata")),
    ],
)
def test_the_form_of_an_answer(header: str, expected: Format) -> None:
    assert choose(header) == expected


@pytest.mark.parametrize(
    "header",
    ["application/vnd.kubernetes.protobuf", "text/html", "application/json;q=0", f"{TABLE.replace('Table', 'Chart')}"],
)
def test_a_form_that_cannot_be_made_is_refused(header: str) -> None:
    assert refused(choose, header).code == 406


def test_where_there_are_no_tables_none_is_promised() -> None:
    assert choose(KUBECTL, shapes=False) == Format()


def read(body: bytes, content_type: str = JSON, *, patch: bool = False, strict: bool = False) -> object:
    return read_body(body, content_type, patch=patch, strict=strict, depth=20)


def test_bodies_are_read_by_their_type() -> None:
    assert read(b'{"a": 1}') == {"a": 1}
    assert read(b'{"a": 1}', "") == {"a": 1}
    assert read(b'{"a": 1}', "application/json; charset=utf-8") == {"a": 1}
    assert read(b"a: 1\nb: 2024-01-01", YAML) == {"a": 1, "b": "2024-01-01"}
    assert read(b"a: 1", APPLY, patch=True) == {"a": 1}
    assert read(b'{"a": null}', MERGE, patch=True) == {"a": None}


@pytest.mark.parametrize(
    ("body", "content_type", "patch", "code"),
    [
        (b"{", JSON, False, 400),
        (b"", JSON, False, 400),
        (b"\xff", JSON, False, 400),
        (b"NaN", JSON, False, 400),
        (b"1" * 5_000, JSON, False, 400),
        (b"[" * 100_000, JSON, False, 400),
        (b"[" * 30 + b"]" * 30, JSON, False, 400),
        (b"a: [", YAML, False, 400),
        (b"a: &x [*x]", YAML, False, 400),
        (b"!!python/object/apply:os.system [id]", YAML, False, 400),
        (b"{" * 200_000, YAML, False, 400),
        (b"a: 1", "text/plain", False, 415),
        (b"a=1", "application/x-www-form-urlencoded", False, 415),
        (b"{}", JSON, True, 415),
        (b"{}", MERGE, False, 415),
        (b"{}", "", True, 415),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(body: bytes, content_type: str, patch: bool, code: int) -> None:
    assert refused(read, body, content_type, patch=patch).code == code


def test_duplicate_fields_are_refused_when_strict() -> None:
    body = b'{"spec": {"a": 1, "a": 2}}'
    assert read(body) == {"spec": {"a": 2}}
    assert 'duplicate field "a"' in refused(read, body, strict=True).message


def test_what_json_has_no_way_to_write_is_not_taken() -> None:
    assert refused(read_body, b'{"a": 1e999}', JSON, patch=False, strict=False, depth=10).code == 400
    assert read_body(b'{"a": "\\ud800"}', JSON, patch=False, strict=False, depth=10) == {"a": "\ufffd"}
