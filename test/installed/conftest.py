"""One installation of the chart for all tests of this package."""

from collections.abc import Iterator

import pytest

from test.cluster.level import Level
from test.cluster.target import Keeper
from test.installed.installation import Installation


@pytest.fixture(scope="package")
def installation(keeper: Keeper) -> Iterator[Installation]:
    """The chart, installed; this process is in the network of the cluster's node meanwhile."""
    with keeper.joined(Level.NODE, ours=True) as target:
        assert target.cluster is not None
        with Installation.on(target.cluster) as installation:
            yield installation
