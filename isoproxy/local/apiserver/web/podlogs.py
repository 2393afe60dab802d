"""Answers `kubectl logs` from what a runtime keeps."""

from twisted.web import http

from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.errors import bad_request, no_such_path, too_many
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.logs import LogLine, PodLogs
from isoproxy.local.apiserver.metadata import micro_timestamp
from isoproxy.local.apiserver.web import requests
from isoproxy.local.apiserver.web.answers import Answer
from isoproxy.local.apiserver.web.requests import Request, ResourcePath
from isoproxy.local.apiserver.web.streams import LogStream, Streams

TEXT = "text/plain"


class LogEndpoint:
    """Without a runtime (`logs` None) there are none."""

    def __init__(self, core: Core, logs: PodLogs | None, streams: Streams) -> None:
        self._core = core
        self._logs = logs
        self._streams = streams

    def answer(self, transport: http.Request, request: Request, path: ResourcePath, kind: Kind) -> Answer | None:
        """The log so far, or None for a stream that has begun. 400 for a pod that has none yet."""
        if self._logs is None or path.namespace is None:
            raise no_such_path()
        self._core.get(kind, path.namespace, path.name)
        parameters = request.parameters
        container = parameters.get("container", "")
        most = requests.number(parameters, "limitBytes")
        stamped = requests.flag(parameters, "timestamps")
        lines = self._lines(self._logs, request, path, container)

        def form(line: LogLine) -> bytes:
            stamp = micro_timestamp(line.time).encode() + b" " if stamped else b""
            return stamp + line.text + b"\n"

        if not requests.flag(parameters, "follow"):
            body = b"".join(map(form, lines))
            return Answer(200, body if most is None else body[:most], TEXT)
        if len(self._streams) >= self._core.limits.streams:
            raise too_many("streams")
        LogStream(transport, form, most, self._streams).start(TEXT, lines, self._follower(self._logs, path, container))
        return None

    def _lines(self, logs: PodLogs, request: Request, path: ResourcePath, container: str) -> list[LogLine]:
        parameters = request.parameters
        if requests.flag(parameters, "previous"):
            raise bad_request(f'previous terminated container in pod "{path.name}" not found')
        try:
            tail = requests.number(parameters, "tailLines")
            lines = logs.read(path.namespace or "", path.name, container=container, tail_lines=tail)
        except LookupError:
            message = f'container "{container}" in pod "{path.name}" is waiting to start or not valid for the pod'
            raise bad_request(message) from None
        since = requests.number(parameters, "sinceSeconds")
        oldest = None if since is None else self._core.sources.now() - since
        return [line for line in lines if oldest is None or line.time >= oldest]

    @staticmethod
    def _follower(logs: PodLogs, path: ResourcePath, container: str) -> "LogStream.Follow":
        return lambda on_line, on_end: logs.follow(
            path.namespace or "", path.name, container=container, on_line=on_line, on_end=on_end
        )
