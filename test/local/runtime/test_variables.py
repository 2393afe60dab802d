"""`$(NAME)` as Kubernetes expands it."""

import pytest

from isoproxy.local.runtime.variables import expand


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
