"""Text from outside, made fit to be shown. Pure."""

from typing import Final

MOST_CHARACTERS: Final = 1024
_ELLIPSIS = "…"


def one_line(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return ``text`` as one printable line of at most ``most`` characters, for logs, conditions and terminals."""
    shown = "".join(char if char.isprintable() else " " for char in text[: 2 * most])
    shown = " ".join(shown.split())
    return shown if len(shown) <= most and len(text) <= 2 * most else shown[: most - 1] + _ELLIPSIS


def unicode(text: str) -> str:
    """Return ``text`` as it can be written: halves of surrogate pairs are joined, or replaced where they are alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
