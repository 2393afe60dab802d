"""`$(NAME)` as Kubernetes expands it."""

import pytest

from isoproxy.local.runtime.variables import MOST_CHARACTERS, TooLong, expand


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("$(A)", "a"),
        ("-$(A)-$(B)-", "-a-b-"),
        ("$(NONE)", "$(NONE)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$a"),
        ("$$$$(A)", "$$(A)"),
        ("$A ${A}", "$A ${A}"),
        ("$(A", "$(A"),
        ("$()", "$()"),
        ("$", "$"),
        ("$(NESTED)", "$(A)"),
        ("$($(A))", "$($(A))"),
    ],
)
def test_expansion(text: str, expanded: str) -> None:
    assert expand(text, {"A": "a", "B": "b", "NESTED": "$(A)"}) == expanded


@pytest.mark.parametrize("text", ["x" * (MOST_CHARACTERS + 1), "$(LONG)" * 1_000_000])
def test_what_no_program_can_be_given_is_not_made(text: str) -> None:
    with pytest.raises(TooLong):
        expand(text, {"LONG": "x" * 1000})
