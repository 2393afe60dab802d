"""The byte relay: two connected TCP transports in, one :class:`RelayResult` out, every byte unchanged in between."""

from isoproxy.proxy.relay.pipes import PipePool
from isoproxy.proxy.relay.relay import Relay
from isoproxy.proxy.relay.result import Ending, RelayResult, Side

__all__ = ["Ending", "PipePool", "Relay", "RelayResult", "Side"]
