"""canbean as another operating system would run it: `python other_system.py win32|darwin import | canbean WORDS...`.

What is not ours runs as on the system that it really is on; our own modules are given what that other one has, and find
neither its missing modules nor its missing functions.
"""

import builtins
import importlib
import os
import pkgutil
import select
import signal
import sys
import time

# of Python's documents: what "Availability: Unix" or "not Windows" says
MODULES = {
    "win32": "crypt curses fcntl grp posix pty pwd readline resource syslog termios tty",
    "darwin": "spwd msvcrt winreg",
}
NAMES = {
    "win32": {
        os: "chown chroot confstr ctermid fchdir fchmod fchown fork forkpty geteuid getgid getgroups getloadavg getpgid getpgrp getuid "
        "get_blocking initgroups killpg lockf login_tty memfd_create mkfifo mknod nice openpty pipe2 posix_fadvise posix_spawn pread preadv "
        "pwrite register_at_fork sched_getaffinity sched_yield sendfile setpgid setsid setuid set_blocking statvfs sync sysconf tcgetpgrp "
        "ttyname uname wait wait3 wait4 writev O_CLOEXEC O_DIRECTORY O_NOCTTY O_NOFOLLOW O_NONBLOCK O_SYNC",
        signal: "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGTSTP SIGUSR1 SIGUSR2 SIGWINCH alarm pause pthread_kill pthread_sigmask setitimer "
        "sigwait siginterrupt",
        select: "poll epoll kqueue devpoll",
        time: "tzset clock_gettime CLOCK_MONOTONIC",
    },
    "darwin": {
        os: "memfd_create pipe2 posix_fadvise sched_getaffinity getresuid O_DIRECT sendfile64",
        select: "epoll devpoll",
    },
}
LIKE = {"win32": {"os": {"name": "nt"}}, "darwin": {}}


class Elsewhere:
    """A module as it is on the other system."""

    def __init__(self, module, missing, values):
        self.__dict__.update(_module=module, _missing=missing, _values=values)

    def __getattr__(self, name):
        if name in self._missing:
            raise AttributeError(f"{self._module.__name__} has no {name} there")
        return self._values[name] if name in self._values else getattr(self._module, name)

    def __setattr__(self, name, value):
        setattr(self._module, name, value)


def move(system):
    """From now on our modules are there."""
    real = builtins.__import__
    absent = set(MODULES[system].split())
    there = {
        module.__name__: Elsewhere(module, set(names.split()), LIKE[system].get(module.__name__, {}))
        for module, names in NAMES[system].items()
    }
    there["sys"] = Elsewhere(sys, set(), {"platform": system})

    def guarded(name, given=None, *more):
        if not (given or {}).get("__name__", "").startswith("canbean"):
            return real(name, given, *more)
        if name.split(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r} there", name=name)
        found = real(name, given, *more)
        return there.get(name, found)

    builtins.__import__ = guarded


def every_module():
    """All of ours are imported: what they need at once is there."""
    # names of what is there; a whole package imports its own
    import canbean

    count = 0
    for one in pkgutil.walk_packages(canbean.__path__, "canbean."):
        if (
            one.name.startswith(("canbean.cli.", "canbean.board.", "canbean.roast."))
            and ".chip" not in one.name
        ):
            importlib.import_module(one.name)
            count += 1
    print(count)


if __name__ == "__main__":
    move(sys.argv[1])
    if sys.argv[2] == "import":
        every_module()
    else:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = sys.argv[2:]
        from canbean.cli.main import main

        main()
