"""A proxy instance's Lease: the proof that it lives, and what it says of its demand and stock."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from isoproxy.model import names
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.ownership import owner
from isoproxy.model.parsing import Json, model
from isoproxy.model.text import one_line

LEASE_SECONDS = 15
RENEW_SECONDS = 5
LONGEST_GRACE_SECONDS = 7 * 24 * 3600
"""What no proxy can be set up to go past: a Lease that says more is not believed."""
MOST_INSTANCE = 63
"""Characters of an instance's name, as of any label's value."""
MOST_LISTEN = 280
"""Characters of an address and its port, as long as the CRD of DedicatedServices takes."""
MOST_ERROR = 256
"""Characters of why a proxy cannot accept clients."""
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def _possible(instance: str) -> str:
    # Anybody may write a MiB of it, on however many.
    return instance if len(instance) <= MOST_INSTANCE else ""


@model
class LeaseSpec:
    """``coordination.k8s.io/v1`` LeaseSpec; renewTime is for people: expiry is judged by resourceVersion.

    A holder that is longer than an instance's name can be reads as none.
    """

    holder_identity: Annotated[str, AfterValidator(_possible)] = ""
    lease_duration_seconds: int = LEASE_SECONDS


@model
class ProxyLease:
    """One proxy's Lease as last seen: a proxy's to write, not to trust.

    Malformed numbers read as zero, and what cannot be an address as none.
    """

    metadata: ObjectMeta
    spec: LeaseSpec = Field(default_factory=LeaseSpec)

    @property
    def instance(self) -> str:
        """The proxy instance that holds it."""
        return self.spec.holder_identity

    @property
    def service_name(self) -> str:
        """What that is called, as the Lease says."""
        return self.metadata.labels.get(names.LABEL_SERVICE, "")

    @property
    def well_formed(self) -> bool:
        """Whether it is named after its service and instance, and so is the only one of them in its namespace.

        The instance is a label value: it becomes a label of the IsolationPods that it is given.
        """
        named = self.metadata.name == names.lease_name(self.service_name, self.instance)
        return named and _LABEL_VALUE.fullmatch(self.instance) is not None

    @property
    def queued(self) -> int:
        """Connections that wait for a pod."""
        return self._count(names.ANNOTATION_QUEUED)

    @property
    def held(self) -> int:
        """Assigned pods that it knows of: its stock, and claims not yet written."""
        return self._count(names.ANNOTATION_HELD)

    @property
    def claimed(self) -> int:
        """How many of those have a connection already."""
        return self._count(names.ANNOTATION_CLAIMED)

    @property
    def grace_seconds(self) -> int:
        """How long past expiry it may still use its stock."""
        return min(self._count(names.ANNOTATION_GRACE), LONGEST_GRACE_SECONDS)

    @property
    def draining(self) -> bool:
        """Whether it wants no more pods."""
        return names.ANNOTATION_DRAINING in self.metadata.annotations

    @property
    def ended(self) -> bool:
        """Whether this was its last word: it holds nothing."""
        return names.ANNOTATION_ENDED in self.metadata.annotations

    @property
    def listen(self) -> str:
        """Where it accepts clients, as ``address:port``, or ``""``."""
        said = self.metadata.annotations.get(names.ANNOTATION_LISTEN, "")
        return said if said == one_line(said, MOST_LISTEN) else ""

    @property
    def listen_error(self) -> str:
        """Why it cannot accept clients, as one line, or ``""``."""
        return one_line(self.metadata.annotations.get(names.ANNOTATION_LISTEN_ERROR, ""), MOST_ERROR)

    def _count(self, annotation: str) -> int:
        text = self.metadata.annotations.get(annotation, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def lease_manifest(*, service_name: str, service_uid: str, instance: str, annotations: dict[str, str]) -> Json:
    """Return the Lease that a proxy instance creates for itself."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": names.lease_name(service_name, instance),
            "labels": {names.LABEL_SERVICE: service_name, names.LABEL_SERVICE_UID: service_uid},
            "annotations": annotations,
            # It goes with its service, as the right to say a last word does.
            "ownerReferences": [owner(service_name, service_uid)],
        },
        "spec": {"holderIdentity": instance, "leaseDurationSeconds": LEASE_SECONDS},
    }
