"""What is shown of text from outside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoproxy.model.text import one_line


@given(st.text(max_size=60) | st.sampled_from(["\ud800", "\x1b[2J", "a\u2028b"]), st.integers(1, 20))
def test_it_is_always_one_printable_line_of_bounded_length(text: str, most: int) -> None:
    shown = one_line(text, most)
    assert len(shown) <= most
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [("as it is", "as it is"), ("  a\n\tb\x00", "a b"), ("x" * 10, "x" * 10), ("x" * 11, "xxxxxxxxx…"), ("", "")],
)
def test_what_fits_is_shown_whole(text: str, shown: str) -> None:
    assert one_line(text, 10) == shown
