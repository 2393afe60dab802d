import pytest

from isoproxy.local.apiserver.web.guard import check
from test.local.apiserver.objects import refused


@pytest.mark.parametrize(
    "host",
    [
        None,
        "127.0.0.1",
        "127.0.0.1:8001",
        "[::1]:8001",
        "[::1]",
        "localhost",
        "localhost:8001",
        "api.localhost:1",
        "10.1.2.3:80",
    ],
)
def test_a_client_on_this_machine_is_answered(host: str | None) -> None:
    check(host, None, None)
    check(host, None, "none")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8001", "127.0.0.1.evil.example", "localhost.evil.example:1", ""]
)
def test_a_name_that_someone_made_resolve_to_this_machine_is_refused(host: str) -> None:
    assert refused(check, host, None, None).code == 403


def test_a_name_can_be_trusted() -> None:
    check("box.lan:8001", None, None, {"box.lan"})


@pytest.mark.parametrize(
    ("origin", "site"), [("http://evil.example", None), ("null", None), (None, "cross-site"), (None, "same-site")]
)
def test_what_a_web_page_sends_is_refused(origin: str | None, site: str | None) -> None:
    assert refused(check, "127.0.0.1:8001", origin, site).code == 403
