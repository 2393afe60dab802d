"""Counts the writes to an API server, by what processes say of themselves and what the server says. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

Writes = Counter[str]
"""By what is written, such as ``create pods``; refused ones have a ``, refused`` behind it."""

OURS = "isoproxy_api_requests_total"
SERVERS = "apiserver_request_total"
OBJECTS = ("isolationpods", "pods")
"""What is written for each connection; the rest is bounded by time."""

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "APPLY": "apply", "DELETE": "delete"}


def asked_for(samples: Iterable[Sample]) -> Writes:
    """Return the writes that one of isoproxy's processes has asked for, from its metrics."""
    found: Writes = Counter()
    for sample in samples:
        if sample.name == OURS and sample.labels["verb"] in _VERBS.values():
            found[_kind(sample.labels["verb"], sample.labels["resource"], sample.labels["code"])] += int(sample.value)
    return found


def taken_by(metrics: str) -> Writes:
    """Return the writes that an API server has been asked for by anybody, from the text of its metrics."""
    # It has tens of thousands of lines; these are a few hundred.
    text = "".join(line for line in metrics.splitlines(keepends=True) if line.startswith(f"{SERVERS}{{"))
    found: Writes = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sample.labels
            if labels["verb"] not in _VERBS or labels.get("dry_run"):
                continue
            resource = "/".join(filter(None, (labels["resource"], labels["subresource"])))
            found[_kind(_VERBS[labels["verb"]], resource, labels["code"])] += int(sample.value)
    return found


def _kind(verb: str, resource: str, code: str) -> str:
    return f"{verb} {resource}" if code.startswith("2") else f"{verb} {resource}, refused"


def of_objects(writes: Writes) -> Writes:
    """Return those of IsolationPods and Pods, with what belongs to them."""
    return Counter({what: count for what, count in writes.items() if _resource(what) in OBJECTS})


def _resource(what: str) -> str:
    return what.removesuffix(", refused").partition(" ")[2].partition("/")[0]
