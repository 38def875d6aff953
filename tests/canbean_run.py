"""The command line run in this process, as a user would see it."""

import contextlib
import io
import sys
from dataclasses import dataclass
from unittest import mock

from canbean.cli.main import main


@dataclass
class Done:
    code: int
    out: str
    err: str


def canbean(*words) -> Done:
    """Run `canbean` with these words."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["canbean", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return Done(code, out.getvalue(), err.getvalue())


def failed(done, names=""):
    """Assert that it ended with exit 1 and one clear line that names what was wrong."""
    assert done.code == 1, (done.code, done.out, done.err)
    lines = done.err.strip().splitlines()
    assert len(lines) == 1, done.err
    assert lines[0].startswith("canbean: ")
    assert str(names) in lines[0]
    assert "Traceback" not in done.err
