"""Do the field names in a rule exist? Checked by the schema, as a real server's type check would. Pure."""

import re
from functools import lru_cache

from isoproxy.local.apiserver.schema.node import Node

_LITERAL = re.compile(r"[rRbB]{0,2}('''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")", re.DOTALL)
_CHAIN = re.compile(r"(?<![\w.])(self|oldSelf)((?:\s*\.\s*[A-Za-z_]\w*)+)(\s*\()?")
_ESCAPES = {"underscores": "__", "dot": ".", "dash": "-", "slash": "/"}
_ESCAPED = re.compile(r"__(underscores|dot|dash|slash)__")
KEYWORDS = frozenset(
    {"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import"}
    | {"let", "loop", "package", "namespace", "return", "var", "void", "while"}
)


def unescape(name: str) -> str:
    """The property that an identifier of a rule stands for."""
    if name.startswith("__") and name.endswith("__") and name[2:-2] in KEYWORDS:
        return name[2:-2]
    return _ESCAPED.sub(lambda match: _ESCAPES[match.group(1)], name)


@lru_cache(maxsize=10_000)  # asked for each field of each object that is written
def escape(name: str) -> str:
    """The identifier that a rule uses for a property."""
    if name in KEYWORDS:
        return f"__{name}__"
    for word, char in _ESCAPES.items():
        name = name.replace(char, f"__{word}__")
    return name


def undefined_field(rule: str, node: Node, *, is_root: bool) -> str | None:
    """The first field that the rule reads of `self` or `oldSelf` and the schema does not have."""
    bare = _LITERAL.sub("''", rule)
    for chain in _CHAIN.finditer(bare):
        names = [name.strip() for name in chain.group(2).split(".")[1:]]
        missing = _missing(names, node, is_root, called=chain.group(3) is not None)
        if missing is not None:
            return missing
    return None


def _missing(names: list[str], node: Node, is_root: bool, called: bool) -> str | None:
    if is_root and names[0] == "metadata":
        known = names[1:2] in ([], ["name"], ["generateName"])
        return None if known else names[1]
    current = node
    for index, name in enumerate(names):
        if called and index == len(names) - 1:
            return None  # a method
        if current.type != "object":
            return None  # the CEL compiler or the value decides
        found = current.child(unescape(name))
        if found is None:
            return None if current.embedded and name in ("apiVersion", "kind", "metadata") else name
        current = found
    return None
