"""Started by its path, `python -I -S .../supervisor`, which costs a tenth of what importing Twisted would."""

import importlib
import os
import sys
import types

PACKAGE = "isoproxy.local.runtime.supervisor"


def stand_in_for_parents(folder: str) -> None:
    """Put an empty package in the place of each one around this: their own `__init__` would import Twisted."""
    name = PACKAGE
    while "." in name:
        name, folder = name.rpartition(".")[0], os.path.dirname(folder)
        package = types.ModuleType(name)
        package.__path__ = [folder]
        sys.modules.setdefault(name, package)


if not __package__:
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
    stand_in_for_parents(os.path.dirname(os.path.abspath(__file__)))
importlib.import_module(f"{PACKAGE}.guard").main()
