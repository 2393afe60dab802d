import time

import pytest

from isoproxy.local.apiserver.schema.formats import FORMATS


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "date-time",
            ["2024-01-01T00:00:00Z", "2024-01-01t00:00:00.5z", "2024-01-01T00:00:00-07:00"],
            ["2024-01-01", "2024-13-01T00:00:00Z", "x"],
        ),
        ("date", ["2024-02-29"], ["2023-02-29", "20240229", ""]),
        ("duration", ["5s", "1h30m", "1.5s", "0"], ["5", "s", "five", "00", "1h0", ""]),
        ("byte", ["", "eA=="], ["e", "eA=!"]),
        ("ipv4", ["10.0.0.1"], ["10.0.0", "::1"]),
        ("ipv6", ["::1"], ["10.0.0.1"]),
        ("cidr", ["10.0.0.0/8", "10.1.2.3/8", "::/0"], ["10.0.0.0", "10.0.0.0/255.0.0.0", "10.0.0.0/33"]),
        ("uuid", ["123e4567-e89b-12d3-a456-426614174000"], ["123"]),
        ("mac", ["01:23:45:67:89:ab"], ["01:23"]),
        ("hostname", ["a.example", "localhost"], ["-a", "a..b", "a" * 300]),
        ("email", ["a@b.example"], ["a", "a b@c"]),
        ("uri", ["http://a.example/", "/path"], ["nothing", "http://[::1"]),
        ("quantity", ["1", "100m", "1.5Gi", "1e3", ".5"], ["", "1 Gi", "many", "1Xi"]),
    ],
)
def test_formats(name: str, good: list[str], bad: list[str]) -> None:
    holds = FORMATS[name]
    assert [text for text in good if not holds(text)] == []
    assert [text for text in bad if holds(text)] == []


def test_a_long_text_is_judged_in_the_time_that_it_takes_to_read() -> None:
    began = time.process_time()
    for text in ("0" * 1_000_000, "1s" * 500_000 + "0", "1." * 500_000, "9" * 1_000_000):
        assert [name for name, holds in FORMATS.items() if name in ("duration", "date-time") and holds(text)] == []
    assert time.process_time() - began < 5.0
