"""What firmware must not hold: what an ESP8266's MicroPython lacks, numbers that are no small integers there, floats.

What is missing was read in MicroPython's ports/esp8266/mpconfigport.h (1.28); small integers end at 2**30 on boards of 32
bits, and beyond every sum allocates. Native code (`*_viper.py`) wraps at 32 bits and may hold such numbers.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from canbean.board.scopes import NATIVE
from canbean.errors import BoardError
from canbean.files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALLEST, LARGEST = -(1 << 30), (1 << 30) - 1
"""Small integers of a 32-bit MicroPython."""

MISSING = {
    "binascii": {"crc32"},
    "math": {"inf", "nan", "tau", "erf", "erfc", "gamma", "lgamma", "isclose", "factorial"},
    "random": {"choice", "randint", "randrange", "random", "uniform"},
    "gc": {"isenabled"},
}
"""Of modules that are there, what is not."""
ABSENT = {"marshal", "ctypes", "threading", "typing", "dataclasses", "functools", "enum", "logging", "zlib"}
"""Modules that are not there."""
METHODS = {
    "partition",
    "rpartition",
    "splitlines",
    "center",
    "indices",
    "casefold",
    "removeprefix",
    "removesuffix",
    "zfill",
}
"""Methods that are not there."""
NAMES = {"compile", "execfile", "complex", "NotImplemented", "__file__", "breakpoint", "vars", "ascii"}
"""Names that are not there."""
_INTEGERS_ONLY = "canbean/"
_SELDOM = "commands/"  # where a big integer, such as the seconds since 1970, does no harm
_MOST_ARGUMENTS_OF_POW = 2


@dataclass(frozen=True)
class Finding:
    """Something that must not be there.

    Attributes:
        file: path under the firmware.
        line: counted from 1.
        what: in words.
    """

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


def lint(folder: Path) -> list[Finding]:
    """All that must not be there in a folder of firmware, in the order of files and lines.

    Raises:
        FileError: a file that cannot be read.
        BoardError: a file that is no Python.
    """
    found = []
    for path in sorted(folder.rglob("*.py")):
        found += lint_file(path.relative_to(folder).as_posix(), read_bytes(path, "firmware file"))
    return found


def lint_file(name: str, content: bytes) -> list[Finding]:
    """What must not be there in one file of firmware.

    Args:
        name: its path under the firmware.
        content: its source.

    Raises:
        BoardError: it is no Python.
    """
    try:
        tree = ast.parse(content)
    except SyntaxError as error:
        raise BoardError(f"{name}: line {error.lineno}: SyntaxError: {error.msg}") from error
    native = name.removesuffix(".py").endswith(NATIVE)
    found = [Finding(name, line, what) for line, what in _missing(tree)]
    found += [Finding(name, line, what) for line, what in _costly(tree) if not native]
    if name.startswith(_INTEGERS_ONLY):
        found += [Finding(name, line, what) for line, what in _floats(tree)]
    if not native and not name.startswith(_SELDOM):
        found += [Finding(name, line, what) for line, what in _large(tree)]
    return sorted(set(found), key=lambda one: (one.line, one.what))


def _missing(tree: ast.Module) -> Iterator[tuple[int, str]]:
    modules = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                modules[alias.asname or alias.name] = alias.name
                if alias.name in ABSENT:
                    yield node.lineno, f"module {alias.name} is not there"
        elif isinstance(node, ast.ImportFrom) and not node.level:
            if node.module in ABSENT:
                yield node.lineno, f"module {node.module} is not there"
            for alias in node.names:
                if alias.name in MISSING.get(node.module or "", ()):
                    yield node.lineno, f"{node.module}.{alias.name} is not there"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            module = modules.get(node.value.id) if isinstance(node.value, ast.Name) else None
            if node.attr in MISSING.get(module or "", ()):
                yield node.lineno, f"{module}.{node.attr} is not there"
            if not module and node.attr in METHODS:
                yield node.lineno, f"the method {node.attr} is not there"
        elif isinstance(node, ast.Name) and node.id in NAMES:
            yield node.lineno, f"{node.id} is not there"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "pow":
            if len(node.args) > _MOST_ARGUMENTS_OF_POW:
                yield node.lineno, "pow has two arguments only"
        elif isinstance(
            node, (ast.AsyncFunctionDef, ast.Match, ast.TypeAlias if hasattr(ast, "TypeAlias") else ast.Match)
        ):
            yield node.lineno, "this syntax is not there, or costs too much"


def _costly(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            if node.returns or any(one.annotation for one in node.args.args):
                yield node.lineno, "hints take heap"
        elif isinstance(node, ast.AnnAssign):
            yield node.lineno, "hints take heap"
        body = node.body if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) else []
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            yield body[0].lineno, "a docstring takes heap: write a comment"


def _floats(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, (float, complex)):
            yield node.lineno, f"{node.value} is a float: each board rounds differently"
        elif isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
            yield node.lineno, "/ makes a float: use //"
        elif isinstance(node, ast.Name) and node.id == "float":
            yield node.lineno, "float makes a float"
        elif isinstance(node, ast.Import) and any(alias.name == "math" for alias in node.names):
            yield node.lineno, "math is about floats"


def _large(tree: ast.Module) -> Iterator[tuple[int, str]]:
    inner = {
        id(child)
        for node in ast.walk(tree)
        if _value(node) is not None
        for child in ast.iter_child_nodes(node)
    }
    for node in ast.walk(tree):
        value = _value(node)
        if value is not None and id(node) not in inner and not SMALLEST <= value <= LARGEST:
            assert isinstance(node, ast.expr)
            yield node.lineno, f"{value:#x} is no small integer of a 32-bit board"


def _value(node: ast.AST) -> int | None:
    """The value of an expression of whole numbers alone."""
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Invert)):
        value = _value(node.operand)
        return None if value is None else -value if isinstance(node.op, ast.USub) else ~value
    if isinstance(node, ast.BinOp) and isinstance(
        node.op, (ast.Add, ast.Sub, ast.Mult, ast.LShift, ast.BitOr)
    ):
        left, right = _value(node.left), _value(node.right)
        if left is None or right is None or (isinstance(node.op, ast.LShift) and not 0 <= right < 64):
            return None
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        return left << right if isinstance(node.op, ast.LShift) else left | right
    return None
