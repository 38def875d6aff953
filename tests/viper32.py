"""Runs the firmware's viper kernels on CPython as a 32-bit board would: every operation wraps, every access is checked.

The unix VM cannot show this: its viper integers have 64 bits. A kernel is read from its source. Buffers lie in
a memory of their own with gaps between them, so that an index or a pointer one past the end is an error, and so is an
access that is not aligned, a store into `bytes`, a shift by 32 or more, a local that changes its type, and
any construct that is not listed here. Where an addition, a multiplication or a shift wraps, `Kernel.wrapped` counts it
by line: a kernel whose packer proves its sums has none.

`bits=64` computes as the 64-bit VM does: nothing wraps, and a `ptr32` reads without sign.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

SIZES = {"ptr8": 1, "ptr16": 2, "ptr32": 4}
LIMIT = 1 << 31
GAP = 64


class ViperError(Exception):
    """The kernel does what a board does not, or must not."""


class _Return(Exception):
    pass


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Memory:
    """The buffers of one call, each at an address that is a multiple of 4."""

    def __init__(self):
        self.areas = []
        self.end = 0x3FFE8000  # where an ESP8266's data begins

    def add(self, buffer):
        view = memoryview(buffer).cast("B")
        start = self.end
        self.areas.append((start, start + len(view), view))
        self.end = start + (len(view) + GAP + 3 & ~3)
        return start

    def find(self, address, size):
        if address % size:
            raise ViperError(f"address {address:#x} is not a multiple of {size}")
        for start, end, view in self.areas:
            if start <= address and address + size <= end:
                return view, address - start
        raise ViperError(f"address {address:#x} lies outside every buffer")


class Kernel:
    """One function decorated with `@micropython.viper`.

    Args:
        path: the file.
        name: the function.
        bits: 32 for a board, 64 for the unix VM.
    """

    def __init__(self, path, name, bits=32):
        module = ast.parse(Path(path).read_text())
        found = [n for n in module.body if isinstance(n, ast.FunctionDef) and n.name == name]
        if not found or [ast.unparse(d) for d in found[0].decorator_list] != ["micropython.viper"]:
            raise ViperError(f"{path}: no viper function {name}")
        self.function = found[0]
        self.parameters = [(a.arg, ast.unparse(a.annotation)) for a in self.function.args.args]
        self.returns = ast.unparse(self.function.returns) if self.function.returns else None
        if len(self.parameters) > 4:
            raise ViperError(f"{name}: viper takes at most 4 arguments")
        self.bits = bits
        self.wrapped = Counter()

    def __call__(self, *arguments):
        if len(arguments) != len(self.parameters):
            raise ViperError(f"{len(arguments)} arguments for {len(self.parameters)}")
        self.memory = Memory()
        self.locals = {}
        for (name, kind), given in zip(self.parameters, arguments, strict=True):
            if kind == "int":
                self.locals[name] = ("int", self.number(given, self.function))
            elif kind in SIZES:
                self.locals[name] = (kind, self.memory.add(given))
            else:
                raise ViperError(f"an argument of type {kind}")
        try:
            self.block(self.function.body)
        except _Return as done:
            kind, value = done.args[0]
            if kind != self.returns:
                raise ViperError(f"returns {kind}, not {self.returns}") from None
            return value
        return None

    def number(self, value, node):
        if self.bits == 64 or -LIMIT <= value < LIMIT:
            return value
        self.wrapped[node.lineno] += 1
        return (value + LIMIT) % (2 * LIMIT) - LIMIT

    def block(self, body):
        for statement in body:
            match statement:
                case ast.Assign(targets=targets, value=value):
                    found = self.value(value)
                    for target in targets:
                        self.store(target, found)
                case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                    if name not in self.locals:
                        raise ViperError(f"line {statement.lineno}: {name} is not set")
                    self.store(target, self.binary(op, self.locals[name], self.value(value), statement))
                case ast.While(test=test, body=inner, orelse=[]):
                    while self.truth(test):
                        try:
                            self.block(inner)
                        except _Break:
                            break
                        except _Continue:
                            continue
                case ast.For(
                    target=ast.Name() as target,
                    iter=ast.Call(func=ast.Name(id="range"), args=ends, keywords=[]),
                    body=inner,
                    orelse=[],
                ):
                    for i in range(*(self.integer(end) for end in ends)):
                        self.store(target, ("int", i))
                        try:
                            self.block(inner)
                        except _Break:
                            break
                        except _Continue:
                            continue
                case ast.If(test=test, body=then, orelse=otherwise):
                    self.block(then if self.truth(test) else otherwise)
                case ast.Return(value=value) if value is not None:
                    raise _Return(self.value(value))
                case ast.Break():
                    raise _Break
                case ast.Continue():
                    raise _Continue
                case _:
                    raise ViperError(f"line {statement.lineno}: not known here: {ast.unparse(statement)}")

    def store(self, target, found):
        kind, value = found
        match target:
            case ast.Name(id=name):
                if name in self.locals and self.locals[name][0] != kind:
                    raise ViperError(f"line {target.lineno}: {name} was {self.locals[name][0]}, not {kind}")
                self.locals[name] = found
            case ast.Subscript() if kind == "int":
                view, at, size = self.place(target)
                if view.readonly:
                    raise ViperError(f"line {target.lineno}: writes into bytes")
                view[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
            case _:
                raise ViperError(f"line {target.lineno}: cannot be assigned: {ast.unparse(target)}")

    def place(self, node):
        kind, address = self.value(node.value)
        if kind not in SIZES:
            raise ViperError(f"line {node.lineno}: {ast.unparse(node.value)} is no pointer")
        size = SIZES[kind]
        try:
            view, at = self.memory.find(address + size * self.integer(node.slice), size)
        except ViperError as error:
            raise ViperError(f"line {node.lineno}: {ast.unparse(node)}: {error}") from None
        return view, at, size

    def integer(self, node):
        kind, value = self.value(node)
        if kind != "int":
            raise ViperError(f"line {node.lineno}: {ast.unparse(node)} is {kind}, not int")
        return value

    def value(self, node):
        match node:
            case ast.Constant(value=int() as value) if not isinstance(value, bool):
                if not -(1 << 30) <= value < 1 << 30:
                    raise ViperError(f"line {node.lineno}: {value} is no small integer on a board")
                return "int", value
            case ast.Name(id=name):
                if name not in self.locals:
                    raise ViperError(f"line {node.lineno}: {name} is not set")
                return self.locals[name]
            case ast.Subscript():
                view, at, size = self.place(node)
                signed = size == 4 and self.bits == 32  # narrower ones never are
                return "int", int.from_bytes(view[at : at + size], "little", signed=signed)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return "int", self.number(-self.integer(operand), node)
            case ast.BinOp(left=left, op=op, right=right):
                return self.binary(op, self.value(left), self.value(right), node)
            case ast.Call(func=ast.Name(id="int"), args=[given], keywords=[]):
                return "int", self.value(given)[1]
            case ast.Call(func=ast.Name(id=kind), args=[given], keywords=[]) if kind in SIZES:
                return kind, self.value(given)[1]
            case _:
                raise ViperError(f"line {node.lineno}: not known here: {ast.unparse(node)}")

    def binary(self, op, left, right, node):
        if left[0] != "int" or right[0] != "int":
            raise ViperError(f"line {node.lineno}: {left[0]} and {right[0]} in {ast.unparse(node)}")
        a, b = left[1], right[1]
        if isinstance(op, ast.LShift | ast.RShift) and not 0 <= b < 32:
            raise ViperError(f"line {node.lineno}: shifts by {b}")
        match op:
            case ast.Add():
                result = a + b
            case ast.Sub():
                result = a - b
            case ast.Mult():
                result = a * b
            case ast.BitAnd():
                result = a & b
            case ast.BitOr():
                result = a | b
            case ast.BitXor():
                result = a ^ b
            case ast.LShift():
                result = a << b
            case ast.RShift():
                result = a >> b
            case _:
                raise ViperError(f"line {node.lineno}: not known here: {ast.unparse(node)}")
        return "int", self.number(result, node)

    def truth(self, node):
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self.truth(value) for value in values)
            case ast.BoolOp(op=ast.Or(), values=values):
                return any(self.truth(value) for value in values)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self.truth(operand)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                a, b = self.integer(left), self.integer(right)
                match op:
                    case ast.Eq():
                        return a == b
                    case ast.NotEq():
                        return a != b
                    case ast.Lt():
                        return a < b
                    case ast.LtE():
                        return a <= b
                    case ast.Gt():
                        return a > b
                    case ast.GtE():
                        return a >= b
            case ast.Name() | ast.BinOp() | ast.Subscript():
                return self.integer(node) != 0
        raise ViperError(f"line {node.lineno}: not known here: {ast.unparse(node)}")
