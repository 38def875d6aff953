# mypy: ignore-errors
# Files whose code passes, in a firmware that is joined: each is loaded under one and the same name. MicroPython keeps the
# name of every module and of its file for good, and doubles the table of names where it is full.
import gc
import os
import sys

from vfs import mount

_kept = {}
_path = ""


# The file that is to be loaded next, as all that is asked of a file system: first that it is mounted, then what the file is,
# and the file itself. The class is what is asked.
class Files:
    def mount(path, mode=None):  # noqa: N805
        if path:
            if path[1] != "-":
                raise OSError
            path = _path + path[2:]
            return open(path, mode) if mode else os.stat(path)

    stat = open = mount


mount(Files, "/-")
sys.path.append("/-")


def passing(path):
    global _path
    # what is being loaded may load others
    sys.modules.pop("-", None)
    if path:
        module = _kept.get(path)
        if not module:
            # beside the package, which may lie in a ROMFS
            _path = __path__[:-7] + path  # noqa: F821
            try:
                os.stat(_path + ".mpy")
            except OSError:
                return None
            module = __import__("-")
            sys.modules.pop("-", None)
            if path > "cb":
                # of commands, which share others
                _kept[path] = module
        return module
    _kept.clear()
    gc.collect()
