"""What is read as JSON, and what of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoproxy.model.jsontext import MOST_DEPTH, parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(codec="utf-8")),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(alphabet='a"\\[{]}é'), below, max_size=3),
)


@given(VALUES, st.booleans())
def test_what_was_written_is_read(value: Any, is_ascii: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=is_ascii).encode()) == value


@pytest.mark.parametrize(
    "text", [b"", b"{", b"NaN", b"[Infinity]", b"1e999", b"'a'", b"\x00", b"[" * 100_000, b"[" * 2000 + b'"']
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^[ -~]+$"):
        parse_json(text)


def test_what_is_no_unicode_is_replaced() -> None:
    assert parse_json(b'["\xff", "\\ud800a", "\\ud83d\\ude00", "\xed\xa0\x80"]') == [
        "\ufffd",
        "\ufffda",
        "\U0001f600",
        "\ufffd" * 3,
    ]


@given(st.integers(MOST_DEPTH + 1, 5_000), VALUES)
def test_what_is_nested_too_deeply_hides_nothing_else(depth: int, beside: Any) -> None:
    deep = b'{"a":[' * depth + b'"]}\\""' + b"]}" * depth
    sound = json.dumps(beside).encode()
    found = parse_json(b"[%b,%b,%b]" % (sound, deep, sound))
    assert (found[0], found[2]) == (beside, beside)
    if depth > 1_000:
        json.dumps(found)
