"""Tests that run other programs say so: ``@pytest.mark.needs_program("redis-server", "redis-cli")``.

On a user's machine such a test is left out where a program is absent, and the end of the run says which, why, and what
to install. Where everything must run (``CI`` or ``ISOPROXY_REQUIRE_ALL`` set), the test fails instead.
"""

import os
import shutil

import pytest

DEBIAN_PACKAGES = {
    "curl": "curl",
    "haproxy": "haproxy",
    "kubectl": "kubernetes-client",
    "nc": "netcat-openbsd",
    "nginx": "nginx-light",
    "redis-benchmark": "redis-tools",
    "redis-cli": "redis-tools",
    "redis-server": "redis-server",
}
LEFT_OUT = pytest.StashKey[dict[str, int]]()


def _must_run_all() -> bool:
    return any(os.environ.get(name, "") not in ("", "0", "false") for name in ("CI", "ISOPROXY_REQUIRE_ALL"))


def _missing_programs(item: pytest.Item) -> list[str]:
    wanted = {name for mark in item.iter_markers("needs_program") for name in mark.args}
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])  # Debian keeps servers there
    return sorted(name for name in wanted if shutil.which(name, path=search) is None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out: dict[str, int] = {}
    config.stash[LEFT_OUT] = left_out
    if _must_run_all():
        return
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        missing = _missing_programs(item)
        (dropped if missing else kept).append(item)
        for name in missing:
            left_out[name] = left_out.get(name, 0) + 1
    items[:] = kept
    if dropped:
        config.hook.pytest_deselected(items=dropped)


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = _missing_programs(item)
    if missing:
        pytest.fail(f"not installed: {', '.join(missing)}", pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, count in sorted(config.stash.get(LEFT_OUT, {}).items()):
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.write_line(
            f"not run: {tests} without {name} (Debian: apt-get install {DEBIAN_PACKAGES.get(name, name)})"
        )
