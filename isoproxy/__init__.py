"""isoproxy: every TCP connection gets a pod of its own."""

import txaio

txaio.use_twisted()

__version__ = "0.1.0"
