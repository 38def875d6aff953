"""The lint of the firmware, and that all of it compiles for every processor that boards have."""

import pytest

from canbean.board import firmware
from canbean.board.lint import lint, lint_file
from canbean.errors import BoardError

PROCESSORS = ("xtensa", "xtensawin", "armv6m", "armv7m", "x64")
FILES = sorted(firmware.folder().rglob("*.py"))


def test_the_firmware_holds_nothing_that_a_small_board_lacks():
    assert [str(one) for one in lint(firmware.folder())] == []


@pytest.mark.parametrize("processor", PROCESSORS)
def test_all_of_it_compiles_for(processor):
    for path in FILES:
        name = path.relative_to(firmware.folder()).as_posix()
        assert firmware._compile(name, path.read_bytes(), processor)[:2] == b"M\x06"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("from binascii import crc32", "binascii.crc32 is not there"),
        ("import binascii\nbinascii.crc32(b'')", "binascii.crc32 is not there"),
        ("'a b'.partition(' ')", "the method partition is not there"),
        ("'a'.splitlines()", "the method splitlines is not there"),
        ("'a'.center(3)", "the method center is not there"),
        ("from math import inf", "math.inf is not there"),
        ("import math\nmath.nan", "math.nan is not there"),
        ("import marshal", "module marshal is not there"),
        ("compile('', '', 'exec')", "compile is not there"),
        ("pow(2, 3, 5)", "pow has two arguments only"),
        ("__file__", "__file__ is not there"),
        ("import random\nrandom.choice([1])", "random.choice is not there"),
        ("x = 0.5", "0.5 is a float: each board rounds differently"),
        ("x = 3\nx /= 2", "/ makes a float: use //"),
        ("x = 1 << 30", "0x40000000 is no small integer of a 32-bit board"),
        ("x = -0x40000001", "-0x40000001 is no small integer of a 32-bit board"),
        ("x = 0xFFFF0000", "0xffff0000 is no small integer of a 32-bit board"),
        ("def f(a: int):\n    pass", "hints take heap"),
        ('def f():\n    """Words."""', "a docstring takes heap: write a comment"),
    ],
)
def test_it_finds(line, what):
    found = lint_file("canbean/bad.py", line.encode())
    assert what in [one.what for one in found]
    assert str(found[0]).startswith(f"canbean/bad.py:{found[0].line}: ")


@pytest.mark.parametrize(
    "line",
    ["x = -0x40000000", "x = 0x3FFFFFFF", "x = (1 << 30) - 1", "import gc\ngc.collect()", "x = 7 // 2"],
)
def test_it_lets_pass(line):
    assert lint_file("canbean/good.py", line.encode()) == []


def test_floats_may_be_outside_of_the_package_and_large_numbers_in_native_code():
    assert lint_file("boards/some.py", b"x = 0.5\n") == []
    assert lint_file("canbean/some_viper.py", b"x = 0x80000000\n") == []


def test_what_is_no_python_is_named():
    with pytest.raises(BoardError, match=r"bad\.py: line 1: SyntaxError"):
        lint_file("bad.py", b"def f(:\n")
