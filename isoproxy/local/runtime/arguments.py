"""What can be given to a program at all, as its arguments and its environment. Pure."""

from collections.abc import Iterable

MOST_BYTES = 2 * 1024 * 1024
"""In all: a quarter of what a stack may grow to, which is 8 MiB nearly everywhere. Linux counts a pointer for each."""
_POINTER = 8


class CannotBePassed(ValueError):
    """No program can be given this."""


def check(texts: Iterable[tuple[str, str]]) -> None:
    """`texts`: what each is called, and the text as the program gets it. Raises CannotBePassed."""
    size = 0
    for what, text in texts:
        if "\0" in text:
            raise CannotBePassed(f"{what}: it holds a NUL character, which would end it")
        size += len(text.encode(errors="surrogatepass")) + 1 + _POINTER
        if size > MOST_BYTES:
            raise CannotBePassed(f"{what}: with those before it, it is more than the {MOST_BYTES} bytes a program gets")


def words(command: Iterable[str], whose: str) -> Iterable[tuple[str, str]]:
    """The words of a command, and what each is called."""
    return ((f"word {place} of {whose}", word) for place, word in enumerate(command))
