"""docs/reference.md, made from the CustomResourceDefinitions: ``python -m test.model.reference`` renews it."""

from collections.abc import Iterator
from pathlib import Path

from isoproxy.model import crds
from isoproxy.model.parsing import Json

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference.md"
_BOUNDS = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("maxItems", "at most {} entries"),
    ("maxProperties", "at most {} entries"),
    ("enum", "one of {}"),
)
_OURS = ("spec.queue", "spec.session")
"""They are told field by field, without a word of each: their names say it."""
_HEAD = """# The objects

Made from the definitions in `crds/` by `python -m test.model.reference`; `kubectl explain dedi.spec --recursive` tells
the same of a cluster. What is not told in detail here is as in a Pod or a Service. Of a DedicatedService only
`spec.image` is required.
"""


def document() -> str:
    """Return the whole document."""
    return _HEAD + "".join(_section(definition) for definition in crds.load())


def _section(definition: Json) -> str:
    names, [version] = definition["spec"]["names"], definition["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    rows = [row for part in ("spec", "status") for row in _rows(part, schema["properties"][part])]
    short = ", ".join(f"`{name}`" for name in names.get("shortNames", ()))
    title = f"\n## {names['kind']} ({definition['spec']['group']}/{version['name']}; {short})\n"
    rules = list(dict.fromkeys(f"- {rule['message']}" for rule in _rules(schema)))
    return "\n".join(
        [
            title,
            schema["description"],
            "",
            "| field | type | default | bounds | meaning |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            *(["What must hold between fields, or from one version to the next:", "", *rules, ""] if rules else []),
        ]
    )


def _rows(path: str, schema: Json) -> Iterator[str]:
    below = schema.get("properties", {})
    if path in _OURS or any("description" in one or "properties" in one for one in below.values()):
        for name, one in below.items():
            yield from _rows(f"{path}.{name}", one)
        return
    default = f"`{schema['default']}`" if schema.get("default") not in (None, {}, "") else ""
    bounds = ", ".join(text.format(_words(schema[key])) for key, text in _BOUNDS if key in schema)
    meaning = " ".join(schema.get("description", "").split()).replace("|", "\\|")
    yield f"| `{path}` | {_type(schema)} | {default} | {bounds} | {meaning} |"


def _type(schema: Json) -> str:
    if "items" in schema:
        return f"list of {_type(schema['items'])}s"
    return str(schema.get("type", "integer or string"))


def _words(bound: object) -> str:
    return ", ".join(f"`{one}`" for one in bound if one != "") if isinstance(bound, list) else str(bound)


def _rules(schema: Json) -> Iterator[Json]:
    yield from schema.get("x-kubernetes-validations", ())
    for below in schema.get("properties", {}).values():
        yield from _rules(below)


if __name__ == "__main__":
    DOCUMENT.write_text(document())
