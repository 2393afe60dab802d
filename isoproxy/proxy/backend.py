"""One assigned pod, as a connection needs to know it. Pure."""

from dataclasses import dataclass

from isoproxy.model.isolationpod import IsolationPod


@dataclass(frozen=True, slots=True)
class Backend:
    """A pod that this proxy may connect one client to; ``uid`` is its IsolationPod's, and stands for it everywhere."""

    namespace: str
    name: str
    uid: str
    pod_uid: str
    ip: str
    port: int

    @classmethod
    def of(cls, record: IsolationPod) -> "Backend":
        """Return the pod that an assigned ``record`` describes."""
        return cls(
            namespace=record.metadata.namespace,
            name=record.metadata.name,
            uid=record.metadata.uid,
            pod_uid=record.spec.pod_uid,
            ip=record.spec.pod_ip,
            port=record.spec.port,
        )
