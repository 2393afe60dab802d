"""The table of values in docs/installing.md, made from the chart: ``python -m test.chart.valuestable`` renews it."""

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from test.chart.helm import CHART, TREE, Json

DOCUMENT = TREE / "docs" / "installing.md"
BEGIN = "<!-- values: made by python -m test.chart.valuestable -->\n"
END = "<!-- end of values -->\n"


def table() -> str:
    """Return the table: each value of the schema that is no further values, with its default and meaning."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = [f"| `{name}` | `{json.dumps(default)}` | {text} |" for name, default, text in _rows(schema, values, "")]
    return "\n".join(["| value | default | meaning |", "| --- | --- | --- |", *rows, ""])


def _rows(schema: Json, values: Json, prefix: str) -> Iterator[tuple[str, object, str]]:
    for name, value in values.items():
        known = schema["properties"][name]
        if "properties" in known:
            yield from _rows(known, value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, known["description"]


def with_table(document: str) -> str:
    """Return the document with the table in its place."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def main(path: Path = DOCUMENT) -> None:
    """Bring the document up to date."""
    path.write_text(with_table(path.read_text()))


if __name__ == "__main__":
    main()
