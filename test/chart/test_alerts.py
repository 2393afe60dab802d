"""When the alerts fire, by the engine of Prometheus: over a made-up hour of what proxies and an operator say."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from test.chart.helm import NAMESPACE, RELEASE
from test.chart.test_monitoring import alerts
from test.cluster.programs import program

pytestmark = pytest.mark.needs_program("go")

STEP, STEPS = 30, 120  # the chart's interval, and an hour of it
CRITICAL, WARNING = "IsoproxyNoStock", "IsoproxyClientsWait"
AWAY = "IsoproxyOperatorAway"
OPERATOR = {"namespace": NAMESPACE, "job": f"{RELEASE}-metrics"}
LISTS = OPERATOR | {"verb": "list", "resource": "dedicatedservices"}

Series = dict[str, Any]
Values = Callable[[int], float | None]
"""What a series has at each step; None where there was none."""


def series(name: str, values: Values, **labels: str) -> Series:
    return {"labels": {"__name__": f"isoproxy_{name}", **labels}, "values": [values(step) for step in range(STEPS)]}


def of_a_proxy(name: str, values: Values, pod: str = "one") -> Series:
    return series(name, values, namespace="default", service="web", pod=pod)


def fires(alert: str, *those: Series) -> range:
    """Return the seconds at which an alert fires, which is once in an hour: its expression has held for so long."""
    rule = alerts()[alert]
    asked = {"step": STEP, "steps": STEPS, "series": those, "expression": rule["expr"]}
    done = subprocess.run([program("promql")], input=json.dumps(asked), capture_output=True, text=True, check=True)
    held = json.loads(done.stdout)
    assert rule["for"].endswith("m")
    patience = int(rule["for"].removesuffix("m")) * 60
    return range(held[0] + patience, held[-1] + STEP, STEP) if held else range(0)


def claims_until(end: int) -> Values:
    return lambda step: 2.0 * min(step, end)


ALWAYS, NEVER = claims_until(STEPS), claims_until(0)


def test_a_queue_that_moves_is_never_critical_and_a_warning_when_it_has_been_there_for_long() -> None:
    busy = [of_a_proxy("queued", lambda _: 5), of_a_proxy("stock", lambda _: 0)]
    busy.append(of_a_proxy("claim_wait_seconds_count", ALWAYS))
    assert not fires(CRITICAL, *busy)
    assert fires(WARNING, *busy)[0] == 300


def test_a_queue_in_which_one_proxy_serves_is_not_critical() -> None:
    queues = [of_a_proxy("queued", lambda _: 5, pod) for pod in ("one", "two")]
    claims = [of_a_proxy("claim_wait_seconds_count", NEVER), of_a_proxy("claim_wait_seconds_count", ALWAYS, "two")]
    assert not fires(CRITICAL, *queues, *claims)


@pytest.mark.parametrize("claims", [[of_a_proxy("claim_wait_seconds_count", NEVER)], []])
def test_a_queue_that_never_moves_is_critical_also_where_no_claim_was_ever_counted(claims: list[Series]) -> None:
    assert fires(CRITICAL, of_a_proxy("queued", lambda _: 1), *claims)[0] == 60


def test_a_queue_that_stops_is_critical_two_or_three_minutes_later() -> None:
    stopped = 600
    claims = of_a_proxy("claim_wait_seconds_count", claims_until(stopped // STEP))
    fired = fires(CRITICAL, of_a_proxy("queued", lambda step: step and 1), claims)
    assert stopped + 120 <= fired[0] <= stopped + 180


def test_where_nobody_waits_no_claim_is_missed() -> None:
    assert not fires(CRITICAL, of_a_proxy("queued", lambda _: 0), of_a_proxy("claim_wait_seconds_count", NEVER))


def test_an_operator_that_has_read_the_services_is_not_missed() -> None:
    assert not fires(AWAY, series("api_requests_total", lambda _: 1, **LISTS, code="200"))


def test_one_that_goes_or_never_reads_them_is() -> None:
    gone = 600
    leaves = series("api_requests_total", lambda step: 1 if step * STEP < gone else None, **LISTS, code="200")
    refused = series("api_requests_total", float, **LISTS, code="403")
    assert fires(AWAY, leaves)[0] <= gone + 600  # Prometheus itself looks back for five minutes
    assert fires(AWAY, refused)[0] == 300


def test_a_namespace_that_may_not_be_watched_is_told_when_it_lasts() -> None:
    unwatched = "IsoproxyNamespaceUnwatched"
    assert fires(unwatched, series("namespaces_unwatched", lambda _: 1, **OPERATOR))[0] == 600
    assert not fires(unwatched, series("namespaces_unwatched", lambda _: 0, **OPERATOR))


def test_nobody_else_passes_for_the_operator() -> None:
    forged = LISTS | {"namespace": "tenant", "job": f"{NAMESPACE}/{RELEASE}-proxies"}
    assert fires(AWAY, series("api_requests_total", lambda _: 1, **forged, code="200"))
