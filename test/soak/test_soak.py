"""A minute of it; ``make soak`` is longer."""

import os

import pytest

from test.cluster.level import Level
from test.cluster.levels import up
from test.soak.soak import soak

SECONDS = 60.0
PACE_SECONDS = 2.0


@pytest.mark.needs_cluster("control", ours=True)
@pytest.mark.needs_program("nft")
def test_no_promise_breaks_on_a_real_cluster_where_everything_fails_now_and_then() -> None:
    cluster = up(f"soak-{os.getpid()}", Level.CONTROL, owned=True)
    try:
        with cluster.joined():
            report = soak(cluster, seconds=SECONDS, seed=1, pace=PACE_SECONDS)
    finally:
        cluster.down()
    assert report.wrong == [], report.text()
    assert report.visits["as it meant to"] > 0
    assert report.faults.total() > SECONDS / PACE_SECONDS / 3
