"""A world around a reconciler for each test, which leaves nothing behind."""

from collections.abc import Iterator

import pytest

from test.operator.reconciling import World, settled


@pytest.fixture
def world() -> Iterator[World]:
    with settled(World()) as made:
        yield made
