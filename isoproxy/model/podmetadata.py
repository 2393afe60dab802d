"""Labels and annotations that users have put on pods, beside the operator's own. Pure."""

from collections.abc import Callable, Collection
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from isoproxy.model import names

_OUR_LABELS = (names.LABEL_APP_NAME, names.LABEL_APP_MANAGED_BY, names.LABEL_APP_COMPONENT)
"""Monitoring and people find proxies, and what they belong to, by them: no pod is to pass for what it is not."""


def _without(ours: Collection[str]) -> Callable[[dict[str, str]], dict[str, str]]:
    """Return a check that refuses keys of our group, and ``ours``: by some the operator tells whose a pod is."""

    def check(found: dict[str, str]) -> dict[str, str]:
        for key in found:
            if key.startswith(f"{names.GROUP}/") or key in ours:
                raise PydanticCustomError("ours", "{key} is the operator's own", {"key": key})
        return found

    return check


PodLabels = Annotated[dict[str, str], AfterValidator(_without(_OUR_LABELS))]
PodAnnotations = Annotated[dict[str, str], AfterValidator(_without(()))]
