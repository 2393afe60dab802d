"""What a user hands to a local start, and what is said when it is wrong."""

import io
from pathlib import Path

import pytest

from isoproxy.local.documents import MOST_BYTES, Document, Text, UnreadableManifest, read, split

SERVICE = "apiVersion: soh.re/v1alpha1\nkind: DedicatedService\nmetadata: {name: one}\nspec: {image: i}\n"


def errors(text: str) -> list[str]:
    return [str(item) for item in split("f.yaml", text) if isinstance(item, UnreadableManifest)]


def test_every_document_of_a_file_is_found_with_its_place() -> None:
    documents = list(split("f.yaml", SERVICE + "---\n" + SERVICE.replace("one", "two") + "---\n"))
    assert [str(document) for document in documents] == [
        "f.yaml, document 1: DedicatedService default/one",
        "f.yaml, document 2: DedicatedService default/two",
    ]


def test_the_items_of_a_list_are_documents() -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}}
    [document] = split("f.yaml", f"kind: List\nitems: [{manifest}]")
    assert isinstance(document, Document)
    assert str(document) == "f.yaml, document 1: ConfigMap n/a"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- a\n", "f.yaml, document 1: a manifest is a mapping, not list"),
        ("kind: DedicatedService\n", "f.yaml, document 1: apiVersion: missing"),
        ("apiVersion: v1\n", "f.yaml, document 1: kind: missing"),
        ("apiVersion: v1\nkind: X\n", "f.yaml, document 1: metadata: missing"),
        ("apiVersion: v1\nkind: X\nmetadata: {}\n", "f.yaml, document 1: metadata.name: missing"),
        ("apiVersion: v1\nkind: X\nmetadata: {name: 3}\n", "f.yaml, document 1: metadata.name: missing"),
        (SERVICE + "---\na: [\n", "f.yaml, document 2, line 7: expected the node content, but found '<stream end>'"),
    ],
)
def test_what_is_no_manifest_is_told_with_file_document_and_field(text: str, line: str) -> None:
    assert errors(text) == [line]


def test_good_documents_before_a_bad_one_are_still_found() -> None:
    first, second = split("f.yaml", SERVICE + "---\n: : :\n")
    assert isinstance(first, Document)
    assert isinstance(second, UnreadableManifest)


def test_what_looks_like_a_date_stays_the_string_that_was_written() -> None:
    [document] = split("f.yaml", SERVICE + "note: 2026-01-01\n")
    assert isinstance(document, Document)
    assert document.manifest["note"] == "2026-01-01"


def read_all(*sources: object) -> list[str]:
    """Return the text or the problem of each source."""
    return [item.text if isinstance(item, Text) else str(item) for item in read(map(str, sources))]


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "notes.txt"):
        (tmp_path / name).write_text(name)
    assert read_all(tmp_path) == ["a.yml", "b.yaml"]


def test_what_cannot_be_read_is_named_and_holds_up_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").mkdir()
    (tmp_path / "good.yaml").write_text("good")
    found = read_all(tmp_path / "none.yaml", tmp_path / "binary.yaml", tmp_path / "empty", tmp_path / "good.yaml")
    assert found == [
        f"{tmp_path}/none.yaml: No such file or directory",
        f"{tmp_path}/binary.yaml: not UTF-8 text",
        f"{tmp_path}/empty: no .yaml, .yml, .json file in this folder",
        "good",
    ]


def test_standard_input_is_a_source_with_the_same_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for content, expected in [
        (b"kind: X", "kind: X"),
        (b"\xff", "standard input: not UTF-8 text"),
        (b"#" * (MOST_BYTES + 1), f"standard input: larger than {MOST_BYTES} bytes"),
    ]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert read_all("-") == [expected]
