"""Detectors beside the fingerprint, one a file: `learn` finds them by name, so adding one is adding a file.

A module `NAME.py` here has

* `TAG`, the tag of its section in the model file, and `BOARD`, its module in `firmware/canbean` (named in `gates.py` there, and
  the tag in `watch.py`);
* `learn(clean)`, which takes a `windows.Clean` and returns its detector, or None where so much clean log teaches it nothing;
* `NEEDS_S`, where there are so many clean seconds, the bus awake, below which it learns nothing;
* `read(section)`, which returns the detector from its section or raises `ModelError`.

A detector is a `windows.Detector`; its twin on the board is the class `Detector` of its module.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def names() -> list[str]:
    """Names of the detectors there are, sorted."""
    return sorted(info.name for info in pkgutil.iter_modules(__path__))


def module(name: str) -> ModuleType:
    """The module of a detector; slow imports are made only for those that are asked for."""
    return importlib.import_module(f"{__name__}.{name}")
