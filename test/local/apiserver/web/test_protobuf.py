"""The protobuf that is written is read back, by field numbers, with a reader of a few lines."""

from collections.abc import Iterator
from typing import Any

from isoproxy.local.apiserver.web import openapi
from isoproxy.local.apiserver.web.protobuf import document
from test.local.apiserver.objects import Server


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    position = 0

    def varint() -> int:
        nonlocal position
        number = shift = 0
        while True:
            byte = data[position]
            position += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    while position < len(data):
        tag = varint()
        assert tag & 7 in (0, 2)
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            length = varint()
            yield tag >> 3, data[position : position + length]
            position += length


def all_of(data: bytes, number: int) -> list[Any]:
    return [value for found, value in fields(data) if found == number]


def named(data: bytes, number: int) -> dict[str, bytes]:
    pairs = [dict(fields(entry)) for entry in all_of(data, number)]
    return {pair[1].decode(): pair[2] for pair in pairs}


def test_definitions_and_paths_arrive(server: Server) -> None:
    described = openapi.version_2(server.core.registry)
    body = document(described)
    definitions = named(all_of(body, 9)[0], 1)
    assert set(definitions) == set(described["definitions"])
    spec = named(all_of(definitions["com.example.v1.Widget"], 25)[0], 1)["spec"]
    assert all_of(spec, 19) == [b"size"]
    properties = named(all_of(spec, 25)[0], 1)
    assert all_of(properties["size"], 22) == [b"\x0a\x07integer"]
    extensions = named(definitions["com.example.v1.Widget"], 31)
    assert b'"Widget"' in all_of(extensions["x-kubernetes-group-version-kind"], 2)[0]
    paths = named(all_of(body, 8)[0], 2)
    patch = all_of(paths["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"], 8)[0]
    assert any(b"fieldValidation" in parameter for parameter in all_of(patch, 8))


def test_long_texts_and_references_arrive(server: Server) -> None:
    body = document(openapi.version_2(server.core.registry))
    pod = named(all_of(body, 9)[0], 1)["io.k8s.api.core.v1.Pod"]
    properties = named(all_of(pod, 25)[0], 1)
    assert all_of(properties["spec"], 1) == [b"#/definitions/io.k8s.api.core.v1.PodSpec"]
