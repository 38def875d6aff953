"""The firmware's drivers on CPython, where `canbean` is the host's package: under the firmware's own names for a while."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from types import ModuleType  # noqa: TC003  # a variable's
from typing import TYPE_CHECKING

from canbean.board import firmware

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOMS = ("canbean", "drivers", "boards", "apps", "commands")
SETUP = "_setup"
_DRIVERS: dict[str, ModuleType] = {}


def _own(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in ROOMS


@contextmanager
def names(**stand_ins: ModuleType) -> Iterator[None]:
    """Inside, `import canbean` and its like find the firmware, and `stand_ins` are modules of the board's Python."""
    firmware.module("ring")
    firmware.module("clock")
    before = {name: module for name, module in sys.modules.items() if _own(name)}
    saved = {name: sys.modules.get(name) for name in stand_ins}
    for name in before:
        del sys.modules[name]
    sys.path.insert(0, str(firmware.folder()))
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == firmware.PACKAGE:
            sys.modules[name.replace(firmware.PACKAGE, "canbean", 1)] = module
    sys.modules.update(_DRIVERS)
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        sys.path.remove(str(firmware.folder()))
        _DRIVERS.clear()
        _DRIVERS.update(
            {name: one for name, one in sys.modules.items() if name.split(".", maxsplit=1)[0] == "drivers"}
        )
        for name in [name for name in sys.modules if _own(name) or name in stand_ins]:
            del sys.modules[name]
        sys.modules.update(before)
        sys.modules.update({name: module for name, module in saved.items() if module})
        # what a driver loads when it starts
        sys.modules.update(
            {name: one for name, one in _DRIVERS.items() if name + SETUP in _DRIVERS or SETUP in name}
        )


def load(name: str, **stand_ins: ModuleType) -> ModuleType:
    """A module such as `drivers.feed`."""
    with names(**stand_ins):
        if (firmware.folder() / (name.replace(".", "/") + SETUP + ".py")).is_file():
            importlib.import_module(name + SETUP)
        return importlib.import_module(name)


def forget(name: str) -> None:
    """Leaves a driver to be loaded anew; inside `names`."""
    parent, child = name.split(".")
    del sys.modules[name]
    delattr(sys.modules[parent], child)
