"""Finds what the command line names as ``module:attribute``, in the current folder first, as ``python -m`` would.

Importing a module runs it: this is for what the user of the command has written. Whatever is wrong is told in one line.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from cutpoint.errors import ConfigurationError
from cutpoint.wire.checks import one_line

Wrong = Callable[[str, str], ConfigurationError]
"""Makes the error of what is wrong, and what to do."""


def import_named(text: str, wrong: Wrong, *, example: str) -> tuple[ModuleType, Any]:
    """The module and the object that ``text`` names. Raises what ``wrong`` makes; ``example``: how it is written."""
    module_name, colon, attribute = text.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module_name.split("."), *attribute.split("."))):
        raise wrong("it is not of the form module:factory", f"write {example}")
    if (folder := os.getcwd()) not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)
    module = _module(module_name, wrong)
    found: Any = module
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise wrong(f"there is no {attribute} in {module_name}", "correct the name after the colon")
        found = getattr(found, name)
    return module, found


def _module(name: str, wrong: Wrong) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise wrong(one_line(error), "install what the module imports") from error
        raise wrong(
            f"there is no module {error.name}", "run the command in the folder of the module, or install it"
        ) from error
    except Exception as error:  # the user's own code
        told = one_line(f"{type(error).__name__}: {error}")
        raise wrong(f"the import of {name} failed ({told})", "mend the module") from error
