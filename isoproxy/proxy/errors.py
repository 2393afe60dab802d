"""What an exception of a socket or a dial tells."""

import errno

from twisted.internet.error import ConnectError


def number_of(error: BaseException) -> int | None:
    """Return the errno that is behind an error, None if there is none."""
    number = error.osError if isinstance(error, ConnectError) else getattr(error, "errno", None)
    return number if isinstance(number, int) else None


def word_of(error: BaseException) -> str:
    """Return what went wrong in one word: the name of the errno, or else of the exception."""
    return errno.errorcode.get(number_of(error) or 0, type(error).__name__)
