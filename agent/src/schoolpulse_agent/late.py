"""Puts off importing modules of the standard library that others import and the agent never uses.

paho-mqtt imports `urllib.request` (for proxies of websockets) and with it http.client, email, tempfile, lzma
and more, logging imports `traceback`: 2.7 MB in an agent that ought to take 26. A placeholder stands in their
place until something is asked of them; then the real module takes over.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

RARELY_USED = ("traceback", "urllib.request", "uuid")


def postpone(*names: str) -> None:
    """Let ``import name`` load nothing yet for each of `names`; those that are loaded stay as they are."""
    for name in names:
        if name not in sys.modules:
            _place(name, _placeholder(name))


def _placeholder(name: str) -> ModuleType:
    module = ModuleType(name, f"Stands for {name} until it is used.")

    def load(attribute: str) -> Any:
        if attribute.startswith("__"):  # the import system looks for its own, which is no use
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        if sys.modules.get(name) is module:
            del sys.modules[name]
            _place(name, importlib.import_module(name))
        return getattr(sys.modules[name], attribute)

    module.__getattr__ = load  # type: ignore[method-assign]  # PEP 562: asked for what a module does not have
    return module


def _place(name: str, module: ModuleType) -> None:
    sys.modules[name] = module
    package, _, own_name = name.rpartition(".")
    if package:
        setattr(importlib.import_module(package), own_name, module)
