"""An error is told in one word."""

import errno

import pytest
from twisted.internet.error import ConnectError, ConnectionRefusedError

from isoproxy.proxy.errors import number_of, word_of


@pytest.mark.parametrize(
    ("error", "number", "word"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), errno.ECONNREFUSED, "ECONNREFUSED"),
        (ConnectError("no number"), None, "ConnectError"),
        (OSError(errno.EMFILE, "too many open files"), errno.EMFILE, "EMFILE"),
        (OSError("no number"), None, "OSError"),
        (OSError(123456, "no name"), 123456, "OSError"),
        (ValueError("a defect"), None, "ValueError"),
    ],
    ids=repr,
)
def test_it_is_the_name_of_the_errno_or_else_of_the_exception(
    error: BaseException, number: int | None, word: str
) -> None:
    assert (number_of(error), word_of(error)) == (number, word)
