"""What a proxy needs to know of its service: the content of the ConfigMap ``<service>-proxy``."""

import json
from typing import Annotated

from pydantic import Field

from isoproxy.model import names
from isoproxy.model.dedicatedservice import DedicatedService, QueueSpec, SessionSpec
from isoproxy.model.jsontext import parse_json
from isoproxy.model.parsing import InvalidObject, Json, dump, model, parse

KEY = "settings.json"


@model
class ProxySettings:
    """The limits, timeouts and port of one service's proxies."""

    namespace: str
    service: str
    service_uid: str
    listen_port: Annotated[int, Field(ge=0, le=65535)]  # 0: any that is free
    queue: QueueSpec
    session: SessionSpec

    @classmethod
    def of(cls, service: DedicatedService, *, listen_port: int | None = None) -> "ProxySettings":
        """Return what the proxies of ``service`` are to know; they listen on its own port unless told otherwise."""
        return cls(
            namespace=service.metadata.namespace,
            service=service.metadata.name,
            service_uid=service.metadata.uid,
            listen_port=service.spec.service.port if listen_port is None else listen_port,
            queue=service.spec.queue,
            session=service.spec.session,
        )

    def to_data(self) -> dict[str, str]:
        """Return it as ConfigMap ``data``."""
        return {KEY: json.dumps(dump(self), sort_keys=True)}

    @classmethod
    def from_config_map(cls, obj: Json) -> "ProxySettings":
        """Read it back; raises InvalidObject where the ConfigMap is not one of ours."""
        data = obj.get("data")
        if not isinstance(data, dict) or not isinstance(data.get(KEY), str):
            raise InvalidObject(f"data.{KEY}", f"missing; is {names.proxy_name('<service>')} the operator's?")
        try:
            content = parse_json(data[KEY].encode("utf-8", "replace"))
        except ValueError as error:
            raise InvalidObject(f"data.{KEY}", f"not JSON: {error}") from error
        return parse(cls, content)
