import pytest

from isoproxy.local.apiserver.kinds.durations import human, since


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (0.9, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (5 * 3600 + 60, "5h1m"),
        (8 * 3600 + 60, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (75 * 3600, "3d3h"),
        (8 * 86400, "8d"),
        (729 * 86400, "729d"),
        (800 * 86400, "2y70d"),
        (9 * 365 * 86400, "9y"),
        (-1, "0s"),
        (-5, "<invalid>"),
    ],
)
def test_durations_read_as_those_of_kubectl(seconds: float, shown: str) -> None:
    assert human(seconds) == shown


@pytest.mark.parametrize("timestamp", [None, "", "soon", 5])
def test_what_is_no_time_is_unknown(timestamp: object) -> None:
    assert since(timestamp, 0.0) == "<unknown>"


def test_fractions_and_zones_are_read() -> None:
    assert since("1970-01-01T00:00:01.5Z", 11.5) == "10s"
    assert since("1970-01-01T01:00:00+01:00", 7) == "7s"
