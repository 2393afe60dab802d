"""Where the API server is and how to prove who we are: read from a kubeconfig, or from the pod we run in.

The `kubernetes` package does the reading, so that every kubeconfig works as it does elsewhere. It is imported only when
one is read: that costs 0.3 s and 35 MiB, and a server with a plain URL needs none of it.
"""

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies

import yaml

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_KUBECONFIG = "~/.kube/config"


class ConfigError(Exception):
    """The settings cannot be used; the message is one line for the person who wrote them."""


class TokenSource(Protocol):
    """Where the Authorization header comes from."""

    def header(self, *, renew: bool) -> str | None:
        """The header's value now, None for none; `renew`: the last one was refused.

        It may block for long, and raise any exception.
        """
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """One API server, and our credentials for it. A PEM text may hold several certificates."""

    scheme: str  # "http" or "https"
    host: str  # name or address, without brackets
    port: int
    base_path: str = ""  # before every path, without a slash at its end
    trust: bytes | None = field(default=None, repr=False)  # PEM; None: what the system trusts
    verify: bool = True  # False: any certificate will do
    server_name: str | None = None  # sent and expected of the certificate in place of `host`
    client_certificate: bytes | None = field(default=None, repr=False)  # PEM, the leaf first
    client_key: bytes | None = field(default=None, repr=False)  # PEM
    token_source: TokenSource | None = field(default=None, repr=False)
    reread: "Callable[[], Connection] | None" = field(default=None, repr=False, compare=False)
    """The same, with the PEM texts that its files have now; raises ConfigError. None: it was not read from files."""

    @classmethod
    def plain(cls, url: str) -> "Connection":
        """A server that asks for no credentials, such as the embedded one. Raises ConfigError for a bad URL."""
        scheme, host, port, base_path = _split_url(url)
        return cls(scheme, host, port, base_path)

    @property
    def url(self) -> str:
        """The server's URL, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.base_path}"


def load_connection(
    kubeconfig: str | None = None, context: str | None = None, *, environ: Mapping[str, str] = os.environ
) -> Connection:
    """The connection a user means, looked for where controllers look, in that order.

    The file given; else `$KUBECONFIG`; else, in a pod, its service account; else `~/.kube/config`. `context` None is
    the file's current one. It blocks as long as a credential plugin does: call it before the reactor runs. Raises
    ConfigError.
    """
    kubeconfig = kubeconfig or environ.get("KUBECONFIG") or None
    if kubeconfig is None and context is None and environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(environ=environ)
    if kubeconfig is None and not Path(DEFAULT_KUBECONFIG).expanduser().is_file():
        raise ConfigError(f"no kubeconfig: none is given, {DEFAULT_KUBECONFIG} is no file, and this is not in a pod")
    return from_kubeconfig(kubeconfig or DEFAULT_KUBECONFIG, context)


def from_kubeconfig(path: str, context: str | None = None) -> Connection:
    """The connection of one context of a kubeconfig; `path` may be a list of files, as in `$KUBECONFIG`."""

    def load(configuration: Any, directory: str) -> None:
        from kubernetes.config import load_kube_config

        load_kube_config(
            config_file=path,
            context=context,
            client_configuration=configuration,
            persist_config=False,  # the default rewrites the user's file
            temp_file_path=directory,
        )

    if not any(Path(part).expanduser().is_file() for part in path.split(os.pathsep) if part):
        raise ConfigError(f"kubeconfig {path}: no such file")
    return _Loader(load, f"kubeconfig {path}" + (f", context {context}" if context else "")).connection()


def in_cluster(*, environ: Mapping[str, str] = os.environ, service_account: Path = SERVICE_ACCOUNT) -> Connection:
    """The connection of the pod this process runs in; its service account's token is read again as it rotates."""

    def load(configuration: Any, _directory: str) -> None:
        from kubernetes.config.incluster_config import InClusterConfigLoader

        token, authority = str(service_account / "token"), str(service_account / "ca.crt")
        InClusterConfigLoader(token, authority, environ=environ).load_and_set(configuration)

    return _Loader(load, "in-cluster configuration", scratch=lambda: nullcontext("")).connection()


def own_namespace(service_account: Path = SERVICE_ACCOUNT) -> str:
    """Return the namespace of the pod this process runs in, ``""`` outside of one."""
    try:
        return (service_account / "namespace").read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return ""


def _folder() -> AbstractContextManager[str]:
    return tempfile.TemporaryDirectory(prefix="isoproxy-")


class _Loader:
    """Reads settings by means of the `kubernetes` package, and credentials again when they are refused."""

    def __init__(
        self,
        load: Callable[[Any, str], None],
        what: str,
        *,
        scratch: Callable[[], AbstractContextManager[str]] = _folder,
    ) -> None:
        """`scratch`: a folder for `load`, to which the package writes credentials that are inlined."""
        self._load = load
        self._what = what  # begins every message
        self._scratch = scratch
        self._configuration: Any = None

    def connection(self) -> Connection:
        with self._scratch() as directory:  # what is written there does not outlive this
            self._configuration = configuration = self._read(directory)
            names = {
                "trust": configuration.ssl_ca_cert,
                "client_certificate": configuration.cert_file,
                "client_key": configuration.key_file,
            }
            texts = self._contents(names)
        if not configuration.host:
            raise ConfigError(f"{self._what}: the cluster names no server")
        self._refuse_proxy()
        try:
            scheme, host, port, base_path = _split_url(configuration.host)
        except ConfigError as error:
            raise ConfigError(f"{self._what}: {error}") from error
        connection = Connection(
            scheme,
            host,
            port,
            base_path,
            **texts,
            verify=bool(configuration.verify_ssl),
            server_name=configuration.tls_server_name or None,
            token_source=self if configuration.api_key else None,
        )
        # What was inlined is in no file any more, and stays as it is.
        lasting = {text: name for text, name in names.items() if name and os.path.exists(name)}
        return replace(connection, reread=lambda: replace(connection, **self._contents(lasting)))

    def header(self, *, renew: bool) -> str | None:
        """See TokenSource; the package refreshes only what it knows to have expired, so renewing is reading anew."""
        if renew:
            with self._scratch() as directory:
                self._configuration = self._read(directory)
        with _package_errors() as errors:
            header = self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        if errors:
            raise ConfigError(f"{self._what}: {'; '.join(errors)}")
        return str(header).strip() if header else None

    def _read(self, directory: str) -> Any:
        from kubernetes.client import Configuration

        configuration = Configuration()
        configuration.host = ""
        try:
            with _package_errors() as errors:
                self._load(configuration, directory)
        except yaml.YAMLError as error:
            raise ConfigError(f"{self._what}: not YAML: {_one_line(error)}") from error
        except Exception as error:  # the package takes the shape of the file for granted
            raise ConfigError(f"{self._what}: {_one_line(error)}") from error
        if errors:  # a credential plugin that failed is only logged, and then requests would go out without credentials
            raise ConfigError(f"{self._what}: {'; '.join(errors)}")
        return configuration

    def _contents(self, names: Mapping[str, str | None]) -> dict[str, Any]:
        """Return what is in each file that has a name, None for the others."""
        try:
            return {text: Path(name).read_bytes() if name else None for text, name in names.items()}
        except OSError as error:
            raise ConfigError(f"{self._what}: {error.filename}: {error.strerror}") from error

    def _refuse_proxy(self) -> None:
        """Stop where an HTTP proxy applies: we cannot go through one, and going around it would only seem to hang."""
        from kubernetes.client.rest import should_bypass_proxies

        host, proxy = self._configuration.host, self._configuration.proxy
        if not proxy:
            return
        if proxy not in getproxies().values():
            raise ConfigError(f"{self._what}: has a proxy-url; isoproxy cannot reach an API server through a proxy")
        if not should_bypass_proxies(host, self._configuration.no_proxy or ""):
            raise ConfigError(
                f"{self._what}: an HTTP proxy of the environment applies to {host}, and isoproxy cannot use one;"
                " add the host to NO_PROXY"
            )


@contextmanager
def _package_errors() -> Iterator[list[str]]:
    """What the `kubernetes` package logs as errors where it should raise; it goes nowhere else."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                messages.append(" ".join(record.getMessage().split()))

    thread = threading.get_ident()
    collector = Collector(logging.ERROR)
    root = logging.getLogger()  # it uses this one; without a handler it would set up logging for the whole process
    root.addHandler(collector)
    try:
        yield messages
    finally:
        root.removeHandler(collector)


def _one_line(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    text = " ".join(str(error).split())
    return text if type(error).__name__ == "ConfigException" else f"malformed ({type(error).__name__}: {text})"


def _split_url(url: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{url!r} is no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{url!r} is no http:// or https:// URL")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError("a server URL has neither user nor query")
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, parts.hostname, default if port is None else port, parts.path.rstrip("/")
