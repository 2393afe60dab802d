"""Where connections come from: kubeconfigs, the service account of a pod, and what may be wrong with them."""

import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from isoproxy.kube.config import ConfigError, Connection, from_kubeconfig, in_cluster, load_connection, own_namespace
from test.kube.certificates import new_authority

AUTHORITY = new_authority()
OWN = AUTHORITY.issue("us")

Write = Callable[..., str]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()


def left_behind(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "tmp").rglob("*"))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a kubeconfig with one cluster, one user and two contexts, and give its path."""

    def write(cluster: dict[str, Any], user: dict[str, Any] | None = None) -> str:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user or {}}],
            "contexts": [
                {"name": "here", "context": {"cluster": "c", "user": "u"}},
                {"name": "broken", "context": {"cluster": "none", "user": "u"}},
            ],
        }
        path = tmp_path / "config"
        path.write_text(yaml.safe_dump(config))
        return str(path)

    return write


def inline(data: bytes) -> str:
    return base64.b64encode(data).decode()


def header(connection: Connection, *, renew: bool = False) -> str | None:
    assert connection.token_source is not None
    return connection.token_source.header(renew=renew)


def test_inlined_credentials_are_read_and_leave_no_file(write: Write, tmp_path: Path) -> None:
    path = write(
        {
            "server": "https://api.example:6443",
            "certificate-authority-data": inline(AUTHORITY.pem),
            "tls-server-name": "kubernetes",
        },
        {"client-certificate-data": inline(OWN.pem), "client-key-data": inline(OWN.key)},
    )
    before = Path(path).read_bytes()
    assert from_kubeconfig(path) == Connection(
        "https",
        "api.example",
        6443,
        trust=AUTHORITY.pem,
        server_name="kubernetes",
        client_certificate=OWN.pem,
        client_key=OWN.key,
    )
    assert Path(path).read_bytes() == before
    assert not left_behind(tmp_path)


def test_files_are_found_beside_the_kubeconfig(write: Write, tmp_path: Path) -> None:
    for name, content in (("ca.crt", AUTHORITY.pem), ("us.crt", OWN.pem), ("us.key", OWN.key)):
        (tmp_path / name).write_bytes(content)
    path = write(
        {"server": "https://api.example", "certificate-authority": "ca.crt"},
        {"client-certificate": "us.crt", "client-key": "us.key"},
    )
    connection = from_kubeconfig(path)
    assert (connection.port, connection.trust) == (443, AUTHORITY.pem)
    assert (connection.client_certificate, connection.client_key) == (OWN.pem, OWN.key)


def test_files_are_read_anew_when_asked(write: Write, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
    (tmp_path / "us.crt").write_bytes(OWN.pem)
    user = {"client-certificate": "us.crt", "client-key-data": inline(OWN.key)}
    connection = from_kubeconfig(write({"server": "https://api.example", "certificate-authority": "ca.crt"}, user))
    assert connection.reread is not None
    assert connection.reread() == connection
    other = new_authority("other")
    (tmp_path / "ca.crt").write_bytes(other.pem)
    assert connection.reread() == replace(connection, trust=other.pem)
    (tmp_path / "ca.crt").unlink()
    with pytest.raises(ConfigError, match=r"ca\.crt"):
        connection.reread()


def test_what_is_inlined_is_not_looked_for_again(write: Write) -> None:
    connection = from_kubeconfig(
        write({"server": "https://api.example", "certificate-authority-data": inline(AUTHORITY.pem)})
    )
    assert connection.reread is not None
    assert connection.reread() == connection


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8001", ("http", "127.0.0.1", 8001, "")),
        ("http://127.0.0.1:8001/", ("http", "127.0.0.1", 8001, "")),
        ("http://localhost", ("http", "localhost", 80, "")),
        ("https://[::1]:6443", ("https", "::1", 6443, "")),
        ("https://rancher.example/k8s/clusters/c-1", ("https", "rancher.example", 443, "/k8s/clusters/c-1")),
    ],
)
def test_a_url_is_taken_apart(write: Write, url: str, expected: tuple[str, str, int, str]) -> None:
    for connection in (Connection.plain(url), from_kubeconfig(write({"server": url}))):
        assert (connection.scheme, connection.host, connection.port, connection.base_path) == expected
        assert Connection.plain(connection.url) == Connection.plain(url)


@pytest.mark.parametrize(
    "url", ["", "localhost:8001", "ftp://x", "http://", "http://x:port", "http://u:p@x", "http://x?a", "http://[::1"]
)
def test_what_is_no_server_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        Connection.plain(url)


def test_verification_can_be_turned_off(write: Write) -> None:
    assert from_kubeconfig(write({"server": "https://x"})).verify
    assert not from_kubeconfig(write({"server": "https://x", "insecure-skip-tls-verify": True})).verify


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"token": "abc"}, "Bearer abc"),
        ({"username": "me", "password": "secret"}, "Basic " + inline(b"me:secret")),
    ],
)
def test_tokens_and_passwords_become_a_header(write: Write, user: dict[str, str], expected: str) -> None:
    assert header(from_kubeconfig(write({"server": "https://x"}, user))) == expected


def test_a_token_file_is_read_again_when_its_token_was_refused(write: Write, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    connection = from_kubeconfig(write({"server": "https://x"}, {"tokenFile": "token"}))
    assert header(connection) == "Bearer one"
    (tmp_path / "token").write_text("two\n")
    assert header(connection, renew=True) == "Bearer two"


PLUGIN = """#!/bin/sh
echo run >> "$RUNS"
test -f "$RUNS.broken" && { echo "no login, dear" >&2; exit 3; }
cat <<EOF
{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
 "status": {"token": "token-$(wc -l < "$RUNS")" $EXPIRY}}
EOF
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """A credential plugin that counts its runs, as a user of a kubeconfig."""
    program = tmp_path / "plugin"
    program.write_text(PLUGIN)
    program.chmod(0o755)

    def user(expiry: str = "") -> dict[str, Any]:
        env = {"RUNS": str(tmp_path / "runs"), "EXPIRY": f', "expirationTimestamp": "{expiry}"' if expiry else ""}
        return {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": str(program),
                "interactiveMode": "Never",
                "env": [{"name": name, "value": value} for name, value in env.items()],
            }
        }

    return user


def test_a_credential_plugin_is_run_again_only_for_a_refused_token(
    write: Write, plugin: Callable[..., dict[str, Any]]
) -> None:
    connection = from_kubeconfig(write({"server": "https://x"}, plugin()))
    assert header(connection) == "Bearer token-1"
    assert header(connection) == "Bearer token-1"
    assert header(connection, renew=True) == "Bearer token-2"


def test_a_credential_plugin_is_run_again_when_its_token_has_expired(
    write: Write, plugin: Callable[..., dict[str, Any]]
) -> None:
    connection = from_kubeconfig(write({"server": "https://x"}, plugin("2001-01-01T00:00:00Z")))
    assert header(connection) == "Bearer token-2"


def test_a_credential_plugin_that_fails_is_told_of(
    write: Write, plugin: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    path = write({"server": "https://x"}, plugin())
    connection = from_kubeconfig(path)
    (tmp_path / "runs.broken").touch()
    for attempt in (lambda: from_kubeconfig(path), lambda: header(connection, renew=True)):
        with pytest.raises(ConfigError, match="no login, dear") as raised:
            attempt()
        assert "\n" not in str(raised.value)


def service_account(tmp_path: Path) -> Path:
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("first\n")
    (folder / "ca.crt").write_bytes(AUTHORITY.pem)
    return folder


IN_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def test_a_pod_uses_its_service_account(tmp_path: Path) -> None:
    folder = service_account(tmp_path)
    connection = in_cluster(environ=IN_POD, service_account=folder)
    assert connection.url == "https://10.96.0.1:443"
    assert (connection.trust, connection.client_certificate) == (AUTHORITY.pem, None)
    assert header(connection) == "bearer first"
    (folder / "token").write_text("second\n")
    assert header(connection, renew=True) == "bearer second"


def test_a_pod_needs_no_folder_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "tmp").rmdir()
    connection = in_cluster(environ=IN_POD, service_account=service_account(tmp_path))
    assert header(connection, renew=True) == "bearer first"


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
def test_a_pod_without_a_service_account_is_told_so(tmp_path: Path, missing: str) -> None:
    folder = service_account(tmp_path)
    (folder / missing).unlink()
    with pytest.raises(ConfigError, match=r"in-cluster configuration: Service .* file does not exist"):
        in_cluster(environ=IN_POD, service_account=folder)


def test_the_file_that_is_given_comes_first_then_the_environment_then_the_home(write: Write, tmp_path: Path) -> None:
    given = Path(write({"server": "http://given"})).rename(tmp_path / "given")
    environ = {"KUBECONFIG": f"{tmp_path / 'absent'}:{write({'server': 'http://environ'})}"}
    assert load_connection(str(given), environ=environ | IN_POD).host == "given"
    assert load_connection(environ=environ | IN_POD).host == "environ"
    with pytest.raises(ConfigError, match=r"no kubeconfig: .*~/\.kube/config"):
        load_connection(environ={})
    with pytest.raises(ConfigError, match="in-cluster"):
        load_connection(environ=IN_POD)
    (tmp_path / "home/.kube").mkdir(parents=True)
    Path(write({"server": "http://home"})).rename(tmp_path / "home/.kube/config")
    assert load_connection(environ={}).host == "home"
    assert load_connection(context="here", environ=IN_POD).host == "home"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("clusters: [", "not YAML: line 1"),
        ("just words", "malformed"),
        ("- a list", "malformed"),
        ("clusters: []", "current-context"),
        ("current-context: x\ncontexts: 7", "malformed"),
        (
            "current-context: x\ncontexts:\n- name: x\n  context: {cluster: c}\nclusters:\n- {name: c, cluster: {}}",
            "server",
        ),
    ],
)
def test_a_malformed_kubeconfig_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message) as raised:
        from_kubeconfig(str(path))
    assert str(raised.value).startswith(f"kubeconfig {path}: ")
    assert "\n" not in str(raised.value)


def test_what_is_not_there_is_named(write: Write, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"kubeconfig {tmp_path}/none: no such file"):
        from_kubeconfig(f"{tmp_path}/none")
    path = write({"server": "https://x", "certificate-authority": "/nowhere/ca.crt"})
    with pytest.raises(ConfigError, match=r"context other: .* name other"):
        from_kubeconfig(path, "other")
    with pytest.raises(ConfigError, match="name none"):
        from_kubeconfig(path, "broken")
    with pytest.raises(ConfigError, match=r"/nowhere/ca\.crt"):
        from_kubeconfig(path)


@pytest.mark.parametrize(
    ("environ", "allowed"),
    [
        ({"HTTPS_PROXY": "http://user:secret@proxy:3128"}, False),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "other.example"}, False),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "localhost,.example"}, True),
        ({"HTTP_PROXY": "http://proxy:3128"}, True),
        ({"ALL_PROXY": "http://proxy:3128"}, False),
    ],
)
def test_a_proxy_that_applies_is_refused_loudly(
    write: Write, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], allowed: bool
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    path = write({"server": "https://api.example"})
    if allowed:
        assert from_kubeconfig(path).host == "api.example"
    else:
        with pytest.raises(ConfigError, match="proxy") as raised:
            from_kubeconfig(path)
        assert "secret" not in str(raised.value)


def test_a_proxy_of_the_kubeconfig_is_refused_loudly(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(ConfigError, match="proxy-url"):
        from_kubeconfig(write({"server": "https://api.example", "proxy-url": "http://proxy:3128"}))


def test_the_credentials_package_is_imported_only_when_credentials_are_read() -> None:
    program = """
import json, sys
from isoproxy.kube import client, config
config.Connection.plain("http://127.0.0.1:8001")
print(json.dumps([name for name in ("kubernetes", "requests", "urllib3") if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_a_pod_knows_its_namespace_and_nobody_else_has_one(tmp_path: Path) -> None:
    assert own_namespace(tmp_path) == ""
    (tmp_path / "namespace").write_text("games\n")
    assert own_namespace(tmp_path) == "games"
