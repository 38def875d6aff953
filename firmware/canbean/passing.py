# Files whose code passes: those in commands/, and what runs once. In a joined firmware passing_joined.py stands here.
import gc
import sys


# The module of a file such as commands/hello, or None where there is none. Without a path: those of commands have done
# their work and leave the heap.
def passing(path):
    if path:
        name = path.replace("/", ".")
        try:
            return __import__(name, None, None, ("run",))
        except ImportError as error:
            if name in sys.modules or "commands" not in str(error):
                raise
            return None
    for name in list(sys.modules):
        if name.startswith("commands"):
            del sys.modules[name]
    gc.collect()
    return None
