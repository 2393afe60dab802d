"""The command line: what it means, and what is said when it cannot mean anything."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.python import usage

from isoproxy.kube.config import own_namespace
from isoproxy.model.dedicatedservice import PullPolicy
from isoproxy.model.proxies import ProxyImage
from isoproxy.settings import Role, ServiceName, Settings
from isoproxy.tap import Options, makeService

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
contexts: [{name: here, context: {cluster: c, user: u}}]
"""


PROXY = ["--role", "proxy", "--service", "a/b"]


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    return str(path)


def parsed(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(list(arguments))
    return options


def settings(*arguments: str) -> Settings:
    return parsed(*arguments).settings()


def test_local_listens_on_loopback_and_ends_connections_at_once_unless_told_otherwise() -> None:
    found = settings("--local", "a.yaml", "folder")
    assert found.role is Role.ALL
    assert found.local is not None
    assert found.local.sources == ("a.yaml", "folder")
    assert found.local.listen == "tcp:8001:interface=127.0.0.1"
    assert (found.bind, found.drain_timeout) == ("127.0.0.1", 0.0)
    assert settings("--local", "--bind", "0.0.0.0", "--drain-timeout", "7").bind == "0.0.0.0"


def test_options_may_stand_before_and_after_files() -> None:
    found = parsed("--local", "a.yaml", "--role", "all", "-", "--bind=", "--drain-timeout=7", "--", "--b.yaml")
    assert found["files"] == ("a.yaml", "-", "--b.yaml")
    assert (found["role"], found["bind"], found["drain-timeout"]) == ("all", "", 7.0)


def test_a_cluster_is_what_the_kubeconfig_says(kubeconfig: str) -> None:
    found = settings("--kubeconfig", kubeconfig, "--namespace", "a", "--namespace", "b")
    assert found.connection is not None
    assert found.connection.url == "http://127.0.0.1:1"
    assert found.namespaces == ("a", "b")
    assert (found.bind, found.drain_timeout, found.proxy_grace) == ("", 30.0, 300)


def test_a_proxy_is_told_its_service_and_its_listener(kubeconfig: str) -> None:
    found = settings("--role", "proxy", "--service", "games/doom", "--listen", "tcp:9999", "--kubeconfig", kubeconfig)
    assert (found.role, found.service, found.listen) == (Role.PROXY, ServiceName("games", "doom"), "tcp:9999")


def test_operators_that_agree_on_a_leader_do_so_in_a_namespace(kubeconfig: str) -> None:
    operator = ["--role", "operator", "--kubeconfig", kubeconfig]
    assert settings(*operator).election_namespace == ""
    assert settings(*operator, "--leader-elect").election_namespace == (own_namespace() or "default")
    found = settings(*operator, "--leader-elect", "--leader-election-namespace", "ops")
    assert (found.election_namespace, found.election_lease) == ("ops", "isolation-proxy-operator")
    assert settings(*operator, "--leader-elect", "--leader-election-id", "second").election_lease == "second"


def test_proxies_are_deployed_where_there_is_an_image_of_them(kubeconfig: str) -> None:
    operator = ["--role", "operator", "--kubeconfig", kubeconfig]
    assert settings(*operator).proxies is None
    assert settings(*operator, "--proxy-image", "i:1").proxies == ProxyImage("i:1")
    further = ["--proxy-pull-policy", "Always", "--proxy-pull-secret", "a", "--proxy-pull-secret", "b"]
    found = settings(*operator, "--proxy-image", "i:1", *further, "--proxy-grace", "60", "--no-disruption-budgets")
    assert found.proxies == ProxyImage("i:1", PullPolicy.ALWAYS, ("a", "b"), grace_seconds=60, budgets=False)
    assert settings(*operator, "--proxy-image", "i:1", "--proxy-ipv6").proxies == ProxyImage("i:1", ipv6=True)
    older = settings(*operator, "--proxy-image", "i:1", "--no-unready-evictions").proxies
    assert older == ProxyImage("i:1", evicts_unready=False)
    ports = ["--api-server-port", "443", "--api-server-port", "7443"]
    assert settings(*operator, "--proxy-image", "i:1", *ports).proxies == ProxyImage(
        "i:1", api_server_ports=(443, 7443)
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--role", "king"], "--role: 'king' is none of all, operator, proxy, none"),
        (["a.yaml"], "FILEs are for --local"),
        (["--local", "--kubeconfig", "f"], "--local brings its own API server"),
        (["--role", "none"], "--role none is for --local"),
        (["--role", "proxy"], "--role proxy and --service NAMESPACE/NAME go together"),
        (["--service", "a/b"], "--role proxy and --service NAMESPACE/NAME go together"),
        (["--local", "--role", "proxy", "--service", "a/b"], "--local does not go with it"),
        (["--local", "--listen", "tcp:1"], "--listen is for --role proxy"),
        (["--local", "--api-listen", "nonsense"], "--api-listen: 'nonsense' is no endpoint description"),
        (["--local", "--metrics-listen", "tcp:x"], "--metrics-listen: 'tcp:x' is no endpoint description"),
        (["--local", "--health-listen", "tcp:x"], "--health-listen: 'tcp:x' is no endpoint description"),
        (["--local", "--proxy-grace", "3"], "--proxy-grace: 3 is not between 10 seconds and a week"),
        (["--local", "--proxy-grace", "x"], "--proxy-grace: 'x' is no number of seconds"),
        (["--local", "--drain-timeout", "-1"], "--drain-timeout: -1 is not between 0 seconds and a week"),
        (["--local", "--drain-timeout", "nan"], "--drain-timeout: nan is not between"),
        (["--local", "--bind", "1.2.3.4.5"], "--bind: '1.2.3.4.5' is no IP address"),
        (["--local", "--namespace", "Bad_NS"], "--namespace: 'Bad_NS' is no name of a namespace"),
        (["--api-server-port", "0"], "--api-server-port: '0' is no port"),
        (["--api-server-port", "65536"], "--api-server-port: '65536' is no port"),
        (["--api-server-port", "https"], "--api-server-port: 'https' is no port"),
        (["--leader-elect"], "--leader-elect is for --role operator on a cluster"),
        (["--local", "--role", "operator", "--leader-elect"], "--leader-elect is for --role operator on a cluster"),
        (["--leader-election-namespace", "a"], "--leader-election-namespace goes with --leader-elect"),
        (
            ["--role", "operator", "--leader-elect", "--leader-election-namespace", "A"],
            "--leader-election-namespace: 'A' is no name of a namespace",
        ),
        (["--leader-election-id", "a"], "--leader-election-id goes with --leader-elect"),
        (
            ["--role", "operator", "--leader-elect", "--leader-election-id", "a/b"],
            "--leader-election-id: 'a/b' is no name of a Lease",
        ),
        (["--proxy-image", "i"], "--proxy-image is for --role operator on a cluster"),
        (["--local", "--role", "operator", "--proxy-image", "i"], "--proxy-image is for --role operator on a cluster"),
        (["--role", "operator", "--proxy-image", ""], "--proxy-image: an empty name is no image"),
        (
            ["--role", "operator", "--proxy-image", "i", "--proxy-pull-policy", "never"],
            "--proxy-pull-policy: 'never' is none of IfNotPresent, Always, Never",
        ),
        (["--local", "--api-listen", "unix:/s"], "--api-listen takes tcp, tcp6 and systemd"),
        ([*PROXY, "--listen", "unix:/s"], "--listen takes tcp, tcp6 and systemd"),
        ([*PROXY, "--listen", "haproxy:tcp:1"], "--listen takes tcp, tcp6 and systemd"),
        (["--nope"], "nope"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(arguments: list[str], line: str) -> None:
    with pytest.raises(usage.UsageError) as refused:
        parsed(*arguments)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--api-listen", "tcp:1"], "--api-listen is for --local: a cluster has its API server"),
        ([*PROXY, "--bind", "::1", "--listen", "tcp:1"], "--bind and --listen both say where to listen"),
        ([*PROXY, "--bind=", "--listen", "tcp:1"], "--bind and --listen both say where to listen"),
        (["--role", "operator", "--bind", "::1"], "--bind is for proxies: --role operator runs none"),
        (["--role", "operator", "--drain-timeout", "0"], "--drain-timeout is for proxies: --role operator runs none"),
        (["--local", "--role", "none", "--bind="], "--bind is for proxies: --role none runs none"),
        (
            [*PROXY, "--namespace", "a"],
            "--namespace is for --role all and operator: --service names",
        ),
        (["--local", "--role", "none", "--namespace", "a"], "--namespace is for --role all and operator"),
        (["--local", "--role", "none", "--proxy-grace", "300"], "--proxy-grace is for operators and proxies"),
        *(
            (["--role", "operator", *option], f"{option[0]} goes with --proxy-image")
            for option in (
                ["--proxy-pull-policy", "IfNotPresent"],
                ["--proxy-pull-secret", "a"],
                ["--proxy-ipv6"],
                ["--api-server-port", "443"],
                ["--no-disruption-budgets"],
                ["--no-unready-evictions"],
            )
        ),
    ],
)
def test_what_would_be_of_no_consequence_is_refused_in_one_line(arguments: list[str], line: str) -> None:
    with pytest.raises(usage.UsageError) as refused:
        parsed(*arguments)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("domain", "line"), [("INET", ""), ("UNIX", "--listen takes tcp, tcp6 and systemd")])
def test_a_socket_that_systemd_opened_is_taken_if_it_is_one_of_tcp(domain: str, line: str) -> None:
    listen = f"systemd:domain={domain}:index=0"
    read = f"from isoproxy.tap import Options; Options().parseOptions([*{PROXY}, '--listen', '{listen}'])"
    inherits = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=clients exec "$@"'
    ended = subprocess.run(
        ["sh", "-c", inherits, "sh", sys.executable, "-c", read], stderr=subprocess.PIPE, text=True, check=False
    )
    assert (ended.returncode == 0) == (line == "")
    assert line in ended.stderr


@pytest.mark.parametrize("name", ["a", "a/", "/b", "a/b/c", "d/Not_A_Name", "D/b", "d/1b", "d/" + 51 * "b"])
def test_a_service_is_named_by_namespace_and_name(name: str, kubeconfig: str) -> None:
    with pytest.raises(usage.UsageError, match="is not NAMESPACE/NAME"):
        settings("--role", "proxy", "--service", name, "--kubeconfig", kubeconfig)


def test_an_unusable_kubeconfig_ends_the_program_with_one_line() -> None:
    with pytest.raises(SystemExit) as ended:
        makeService(parsed("--kubeconfig", "/nowhere/config"))
    assert str(ended.value) == "isoproxy: kubeconfig /nowhere/config: no such file"


def test_the_program_is_made_for_a_reactor_that_does_not_go_by_the_time_of_day(
    kubeconfig: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reactor = EPollReactor()
    monkeypatch.setattr("twisted.internet.reactor", reactor)
    makeService(parsed("--kubeconfig", kubeconfig))
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= reactor.seconds() <= time.clock_gettime(time.CLOCK_BOOTTIME)
