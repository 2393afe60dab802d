import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.web.protobodies import read
from test.local.apiserver.objects import refused


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def entry(number: int, key: bytes, value: bytes) -> bytes:
    return field(number, field(1, key) + field(2, value))


def body(kind: bytes, raw: bytes, version: bytes = b"v1") -> bytes:
    return b"k8s\x00" + field(1, field(1, version) + field(2, kind)) + field(2, raw)


# What kubectl 1.32 sends for `create configmap cm --from-literal=a=b`, empty fields and all.
RECORDED = bytes.fromhex(
    "6b3873000a0f0a0276311209436f6e6669674d6170121c0a120a02636d12001a0022002a0032003800420012060a01611201621a002200"
)


def test_a_config_map_as_kubectl_sends_it() -> None:
    assert read(RECORDED) == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": {"a": "b"}}


def test_a_secret_is_in_base64() -> None:
    raw = field(1, field(1, b"s") + entry(11, b"l", b"x")) + entry(2, b"k", b"\xff") + field(3, b"Opaque")
    assert read(body(b"Secret", raw)) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "labels": {"l": "x"}},
        "data": {"k": "/w=="},
        "type": "Opaque",
    }


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", 400),
        (b"{}", 400),
        (RECORDED[:-3], 400),
        (body(b"Pod", b""), 415),
        (body(b"ConfigMap", b"", b"v2"), 415),
        (body(b"Namespace", field(2, field(1, b"finalizer"))), 415),
    ],
)
def test_what_cannot_be_read_whole_is_refused(sent: bytes, code: int) -> None:
    assert refused(read, sent).code == code


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_anything_else_is_refused_too(noise: bytes) -> None:
    for sent in (noise, b"k8s\x00" + noise, body(b"Secret", noise)):
        try:
            read(sent)
        except StatusError as refusal:
            assert refusal.code in (400, 415)  # noqa: PT017 - what is not refused is read
