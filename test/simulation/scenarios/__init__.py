"""The traps that were found on paper, each played out: what is written here happens, the rest is undisturbed."""

from collections.abc import Mapping

from test.simulation.scenarios import assignments, clients, limits, pods, proxies, recalls, records, users, writes
from test.simulation.scenarios.playing import Scenario
from test.simulation.script import Script

SCENARIOS: Mapping[str, tuple[Script, Scenario]] = {
    **assignments.SCENARIOS,
    **proxies.SCENARIOS,
    **pods.SCENARIOS,
    **users.SCENARIOS,
    **clients.SCENARIOS,
    **limits.SCENARIOS,
    **records.SCENARIOS,
    **recalls.SCENARIOS,
    **writes.SCENARIOS,
}
