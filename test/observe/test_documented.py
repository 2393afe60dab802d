"""The page for operators names everything that they can meet, and nothing else."""

import re
from pathlib import Path

from isoproxy.observe.metrics import Live, Metrics
from isoproxy.observe.outcomes import Outcome

TREE = Path(__file__).parents[2]
PAGE = (TREE / "docs" / "observing.md").read_text(encoding="utf-8")


def test_every_outcome_is_explained() -> None:
    assert re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)[: len(Outcome)] == [one.value for one in Outcome]


def test_every_metric_is_listed_with_its_labels() -> None:
    metrics = Metrics()
    metrics.proxy("default", "web", lambda: Live(0, 0, 0, 0, 0))
    metrics.set_pods("default", "web", {"warm": 1})
    metrics.api_request("get", "leases", 200, 0.1)
    ours = [family for family in metrics.registry.collect() if family.name.startswith("isoproxy_")]
    shown = {
        f"{family.name}_total" if family.type == "counter" else family.name: set(family.samples[0].labels) - {"le"}
        for family in ours
    }
    rows = re.findall(r"^\| `(isoproxy_[a-z_]+)` \| ([a-z, ]+) \|", PAGE, re.MULTILINE)
    assert {name: set(labels.split(", ")) for name, labels in rows} == shown


def test_every_reason_of_an_event_is_explained() -> None:
    operator = "".join(path.read_text(encoding="utf-8") for path in (TREE / "isoproxy" / "operator").glob("*.py"))
    told = set(re.findall(r'\b(?:Trouble\(|Obstacle\(|News\(EventType\.\w+,)\s*"(\w+)"', operator))
    table = PAGE.partition("## Events")[2].partition("##")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == told
