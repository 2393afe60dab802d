import pytest

from test.local.apiserver.objects import Server, widget_crd


@pytest.fixture
def server() -> Server:
    """A core that serves widgets, too."""
    server = Server()
    server.define(widget_crd())
    return server
