"""The functions a Kubernetes CEL rule may call beyond the language itself, in Python. Pure.

Here: the list, regular expression, IP, CIDR, URL and quantity predicates. Types of their own (`quantity()`, `ip()`,
`cidr()`, `url()`, `format()`, the authorizer) are not: a CRD that uses one is refused when it is created.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_optional, ext_strings

from isoproxy.local.apiserver.schema.formats import is_cidr, is_ip, is_quantity, is_uri

_LIST = cel.Type.List(cel.Type.DYN)


def environment(*variables: str) -> cel.Env:
    """An environment with the variables, of any type, and all the functions."""
    return cel.NewEnv(
        variables=dict.fromkeys(variables, cel.Type.DYN),
        extensions=[ext_strings.ExtStrings(), ext_optional.ExtOptional(), ext_math.ExtMath()],
        functions=_functions(),
    )


def _method(name: str, result: cel.Type, implementation: Callable[..., Any], *more: cel.Type) -> cel.FunctionDecl:
    overload = cel.Overload(f"list_{name}", result, [_LIST, *more], True, implementation)
    return cel.FunctionDecl(name, [overload])


def _predicate(name: str, implementation: Callable[[str], bool]) -> cel.FunctionDecl:
    overload = cel.Overload(f"{name}_string", cel.Type.BOOL, [cel.Type.STRING], False, implementation)
    return cel.FunctionDecl(name, [overload])


def _functions() -> list[cel.FunctionDecl]:
    text = cel.Type.STRING
    find = cel.Overload("string_find", text, [text, text], True, _find)
    find_all = cel.Overload("string_find_all", cel.Type.List(text), [text, text], True, _find_all)
    return [
        _method("isSorted", cel.Type.BOOL, lambda items: all(a <= b for a, b in pairwise(items))),
        _method("sum", cel.Type.DYN, sum),
        _method("min", cel.Type.DYN, min),
        _method("max", cel.Type.DYN, max),
        cel.FunctionDecl("find", [find]),
        cel.FunctionDecl("findAll", [find_all]),
        _predicate("isIP", is_ip),
        _predicate("isCIDR", is_cidr),
        _predicate("isURL", is_uri),
        _predicate("isQuantity", is_quantity),
    ]


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found.group() if found else ""


def _find_all(text: str, pattern: str) -> list[str]:
    return [found.group() for found in re.finditer(pattern, text)]
