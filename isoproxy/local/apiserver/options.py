"""What may accompany a request, parsed. Pure."""

from dataclasses import dataclass
from typing import Literal

Validation = Literal["Strict", "Warn", "Ignore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """`validation` says what unknown fields do: refuse the write, make a warning, or nothing."""

    validation: Validation = "Warn"
    dry_run: bool = False
    field_manager: str = ""
    force: bool = False  # of a server-side apply: take fields from other managers


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    label_selector: str = ""
    field_selector: str = ""
    resource_version: str = ""
    resource_version_match: str = ""
    limit: int = 0
    continue_token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """`uid` and `resource_version` are preconditions; `propagation` is Background, Foreground or Orphan."""

    uid: str | None = None
    resource_version: str | None = None
    grace_period_seconds: int | None = None
    propagation: str = "Background"
    dry_run: bool = False


WRITE = WriteOptions()
LIST = ListOptions()
