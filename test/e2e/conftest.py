from collections.abc import Iterator

import pytest

from test.cluster.level import Level
from test.cluster.target import Keeper
from test.e2e.grounds import Embedded, Ground, Real
from test.e2e.oncluster import prepared


@pytest.fixture(
    scope="module", params=["embedded", pytest.param("kubernetes", marks=pytest.mark.needs_cluster("control"))]
)
def ground(request: pytest.FixtureRequest, keeper: Keeper) -> Iterator[Ground]:
    """Each ground in turn; this process is in the network of the real cluster meanwhile."""
    if request.param == "embedded":
        yield Embedded()
    else:
        with keeper.joined(Level.CONTROL) as target, prepared(target):
            yield Real(target)
