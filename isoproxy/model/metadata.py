"""The part of ``metadata`` that decisions are made from."""

from collections.abc import Mapping

from pydantic import AwareDatetime, Field

from isoproxy.model import names
from isoproxy.model.parsing import Int64, model


@model
class OwnerReference:
    """One entry of ``metadata.ownerReferences``."""

    kind: str
    name: str
    uid: str
    api_version: str = ""
    controller: bool = False


@model
class ObjectMeta:
    """Identity and history of one object; ``resource_version`` is opaque but for its equality."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: Int64 = 0
    creation_timestamp: AwareDatetime | None = None
    deletion_timestamp: AwareDatetime | None = None
    deletion_grace_period_seconds: Int64 | None = None
    labels: Mapping[str, str] = Field(default_factory=dict)
    annotations: Mapping[str, str] = Field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()

    @property
    def service_uid(self) -> str:
        """The uid of the DedicatedService that its labels name, or ``""``."""
        return self.labels.get(names.LABEL_SERVICE_UID, "")

    def owner_uid(self, kind: str) -> str:
        """Return the uid of the owner of that kind, or ``""``."""
        return next((owner.uid for owner in self.owner_references if owner.kind == kind), "")
