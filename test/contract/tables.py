"""Objects as the tables that `kubectl get` prints."""

from typing import Any

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def row(table: dict[str, Any], name: str) -> dict[str, Any]:
    """The cells of one object by the names of their columns."""
    columns = [column["name"] for column in table["columnDefinitions"]]
    cells = next(item["cells"] for item in table["rows"] if item["cells"][0] == name)
    return dict(zip(columns, cells, strict=True))


def narrow(table: dict[str, Any]) -> list[str]:
    """The columns that are shown without `-o wide`."""
    return [column["name"] for column in table["columnDefinitions"] if not column["priority"]]
