"""Times as `kubectl get` shows them. Pure."""

from typing import Any

from isoproxy.local.apiserver.metadata import seconds

UNKNOWN = "<unknown>"

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def human(elapsed: float) -> str:
    """A duration in the two units that matter, as kubectl rounds it: 75s, 3m20s, 90m, 5h30m, 2d3h, 12d, 2y40d."""
    whole = int(elapsed)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    if whole < 2 * _MINUTE:
        return f"{whole}s"
    minutes, hours, days = whole // _MINUTE, whole // _HOUR, whole // _DAY
    if minutes < 10:
        return _two(minutes, "m", whole % _MINUTE, "s")
    if minutes < 3 * 60:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 2 * 365:
        return f"{days}d"
    if days < 8 * 365:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def since(timestamp: Any, now: float) -> str:
    """How long ago a timestamp was."""
    then = seconds(timestamp)
    return UNKNOWN if then is None else human(now - then)
