"""Commands of the firmware on CPython: their files, importing the firmware under the host's name for it."""

import re
import sys
from functools import cache
from types import ModuleType

from canbean.board.firmware import PACKAGE, folder, module


def command(name, **names):
    """A fresh module of firmware/commands; `names` stand in for builtins in it and in commands that it imports."""
    module("lines")
    commands = sys.modules["commands"] = ModuleType("commands")
    code, others = _compiled(name)
    for other in others:
        setattr(commands, other, command(other, **names))
    # a command that was imported on the way has made a package of its own
    sys.modules["commands"] = commands
    made = sys.modules[f"commands.{name}"] = ModuleType(f"commands.{name}")
    made.__dict__.update(names)
    exec(code, made.__dict__)
    return made


@cache
def _compiled(name):
    """The code of a command, and the commands that it imports."""
    path = folder() / "commands" / f"{name}.py"
    source = path.read_text()
    others = re.findall(r"^from commands import (\w+)$", source, re.MULTILINE)
    ours = re.sub(r"^from canbean\b", f"from {PACKAGE}", source, flags=re.MULTILINE)
    return compile(ours, str(path), "exec"), others
