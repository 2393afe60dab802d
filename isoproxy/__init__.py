"""isoproxy: every TCP connection gets a pod of its own."""

import txaio

txaio.use_twisted()  # type: ignore[no-untyped-call]  # txaio ships no types

__version__ = "0.1.0"
