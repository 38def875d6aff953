"""What the names in the firmware's sources mean: which are of which file, which are a board's own."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, cast

from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PACKAGE = "canbean/__init__"
"""The firmware's package itself, as a file without `.py`."""

BOOT = "canbean/boot"
"""The file of what runs once."""

REST = "canbean/rest"
"""The file of what runs once after that, when it has left the heap."""

NATIVE = "_viper"
"""How files of native code end; they stay as they are."""

SELDOM = "canbean/z"
"""How files of what is loaded for each call begin, one for each source: so short that their names cost little."""

COPIED = "canbean/said"
"""Of what is loaded for each call what is small and needs nothing else: other files get it with their own."""

PASSING = "canbean/passing"
"""The file of the function that loads files whose code passes."""

JOINED = "canbean/passing_joined"
"""What stands in its place in a joined firmware."""

Constant = int | str | bytes | tuple["Constant", ...]


@dataclass(frozen=True)
class Own:
    """A name at the top level of a file."""

    file: str
    name: str


@dataclass(frozen=True)
class File:
    """A file as a module."""

    file: str


@dataclass(frozen=True)
class Outside:
    """What the board has of its own: a module of MicroPython or something of one."""


Meaning = Own | File | Outside
CONST = Own(PACKAGE, "const")
"""The compiler's own: a compiled file needs no such function."""


@dataclass
class Source:
    """One file of the firmware, parsed.

    Attributes:
        name: path under the firmware without `.py`, such as `canbean/alert`.
        tree: its syntax; nothing here changes it.
        names: what each name at its top level means.
        constants: those names whose value never changes and is known now.
    """

    name: str
    tree: ast.Module
    names: dict[str, Meaning] = field(default_factory=dict)
    constants: dict[str, Constant] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of its syntax, found once for all who ask."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def stored(self) -> tuple[Counter[str], set[str]]:
        """How often each name is assigned at the top of the file; those that functions assign too."""
        stores = Counter(
            node.id
            for one in statements(self.tree.body)
            for node in _own_expressions(one)
            if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del))
        )
        loose = {one for node in self.nodes if isinstance(node, ast.Global) for one in node.names}
        return stores, loose


def parse(texts: dict[str, bytes]) -> dict[str, Source]:
    """The files of a firmware by name, each with the meaning of its names.

    Args:
        texts: by path under the firmware, without `.py`; those of native code, where they are there.

    Raises:
        BoardError: a file that is no Python.
    """
    sources = {}
    for name in sorted(texts):
        if name.endswith(NATIVE):
            continue
        try:
            tree = ast.parse(texts[name])
        except SyntaxError as error:
            raise BoardError(f"{name}.py: line {error.lineno}: SyntaxError: {error.msg}") from error
        tree.body = [one for found in tree.body for one in _without_native(name, found, texts)]
        sources[name] = Source(name, tree)
    for source in sources.values():
        for statement in source.tree.body:
            source.names.update(imported(source, statement, sources))
        # what a `try` imports, one way or another, is a name of the file itself
        for statement in statements(source.tree.body):
            if statement not in source.tree.body:
                for name in imported(source, statement, sources):
                    source.names[name] = Own(source.name, name)
        for name in bound(source.tree.body):
            source.names[name] = Own(source.name, name)
    for source in sources.values():
        for name in source.names:
            _constant_of(sources, source, name, set())
    return sources


def _without_native(name: str, node: ast.stmt, texts: dict[str, bytes]) -> list[ast.stmt]:
    """A `try` of native code that is not there is what happens without it."""
    first = node.body[0] if isinstance(node, ast.Try) else None
    if (
        isinstance(node, ast.Try)
        and isinstance(first, ast.ImportFrom)
        and (first.module or "").endswith(NATIVE)
    ):
        there = f"{name.partition('/')[0]}/{first.module}" in texts
        return [node] if there else node.handlers[0].body
    return [node]


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements and those within them, but not those of functions and classes."""
    for one in body:
        yield one
        if not isinstance(one, (ast.FunctionDef, ast.ClassDef)):
            for block in ("body", "orelse", "finalbody"):
                yield from statements(getattr(one, block, ()))
            for handler in getattr(one, "handlers", ()):
                yield from statements(handler.body)


def bound(body: Iterable[ast.stmt]) -> dict[str, None]:
    """Names that statements bind, in order, but for imports; names of comprehensions are their own."""
    found: dict[str, None] = {}
    foreign: set[str] = set()
    for one in statements(body):
        if isinstance(one, (ast.FunctionDef, ast.ClassDef)):
            found[one.name] = None
            continue
        if isinstance(one, (ast.Global, ast.Nonlocal)):
            foreign.update(one.names)
        for handler in getattr(one, "handlers", ()):
            if handler.name:
                found[handler.name] = None
        for node in _own_expressions(one):
            if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
                found[node.id] = None
    return {name: None for name in found if name not in foreign}


def _own_expressions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.Lambda):
            continue
        if isinstance(child, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            continue
        yield child
        yield from _own_expressions(child)


def imported(source: Source, statement: ast.stmt, sources: dict[str, Source]) -> dict[str, Meaning]:
    """What the names mean that an import binds; nothing for other statements."""
    found: dict[str, Meaning] = {}
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            file = file_of(alias.name, sources)
            name = alias.asname or alias.name.split(".")[0]
            found[name] = File(file) if file else Outside()
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            found[alias.asname or alias.name] = taken(source, statement, alias, sources)
    return found


def files_in(sources: dict[str, Source], source: Source) -> Iterator[str]:
    """The files that a file loads, in order."""
    for node in source.nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for meaning in imported(source, node, sources).values():
                if isinstance(meaning, (Own, File)):
                    yield meaning.file


def taken(source: Source, statement: ast.ImportFrom, alias: ast.alias, sources: dict[str, Source]) -> Meaning:
    """What `from ... import alias` takes."""
    module = statement.module or ""
    if statement.level:
        module = source.name.partition("/")[0] + ("." + module if module else "")
    inner = file_of(f"{module}.{alias.name}", sources)
    if inner:
        return File(inner)
    file = file_of(module, sources)
    return Own(file, alias.name) if file else Outside()


def file_of(module: str, sources: dict[str, Source]) -> str | None:
    """The file that is a module of this dotted name."""
    path = module.replace(".", "/")
    for name in (path, f"{path}/__init__"):
        if name in sources:
            return name
    return None


def origin(meaning: Meaning, sources: dict[str, Source]) -> Meaning:
    """Where a name comes from that one file took from another."""
    while isinstance(meaning, Own):
        further = sources[meaning.file].names.get(meaning.name, meaning)
        if further == meaning:
            break
        meaning = further
    return meaning


def _constant_of(sources: dict[str, Source], source: Source, name: str, asked: set[Own]) -> Constant | None:
    """The value of a name at a file's top level, where it is assigned once and its value follows from the sources."""
    meaning = origin(source.names[name], sources)
    if not isinstance(meaning, Own) or meaning in asked:
        return None
    home = sources[meaning.file]
    if meaning.name not in home.constants:
        given = [
            one.value
            for one in home.tree.body
            if isinstance(one, ast.Assign)
            and isinstance(one.targets[0], ast.Name)
            and one.targets[0].id == meaning.name
        ]
        stores, loose = home.stored
        if len(given) != 1 or stores[meaning.name] != 1 or meaning.name in loose:
            return None
        value = _folded(sources, home, given[0], asked | {meaning})
        if value is None:
            return None
        home.constants[meaning.name] = value
    return home.constants[meaning.name]


def _folded(sources: dict[str, Source], home: Source, node: ast.expr, asked: set[Own]) -> Constant | None:
    """The value of an expression of constants: numbers, texts, bytes, tuples of those; None where it is none."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const":
        return _folded(sources, home, node.args[0], asked)
    if isinstance(node, ast.Constant):
        plain = isinstance(node.value, (int, str, bytes)) and not isinstance(node.value, bool)
        return cast("Constant", node.value) if plain else None
    if isinstance(node, ast.Name):
        return _constant_of(sources, home, node.id, asked) if node.id in home.names else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = _folded(sources, home, node.operand, asked)
        return -operand if isinstance(operand, int) else None
    parts: list[Constant | None]
    if isinstance(node, ast.Tuple):
        parts = [_folded(sources, home, one, asked) for one in node.elts]
        return None if None in parts else tuple(one for one in parts if one is not None)
    if isinstance(node, ast.BinOp):
        parts = [_folded(sources, home, one, asked) for one in (node.left, node.right)]
        if None in parts:
            return None
        left, right = (literal(one) for one in parts if one is not None)
        made = ast.Expression(ast.BinOp(left, node.op, right))
        # of the firmware's own constants only
        value: Constant = eval(compile(ast.fix_missing_locations(made), home.name, "eval"))  # noqa: S307
        return value if type(value) in (int, str, bytes, tuple) else None
    return None


def literal(value: Constant) -> ast.expr:
    """A constant as syntax."""
    if isinstance(value, tuple):
        return ast.Tuple([literal(one) for one in value], ast.Load())
    if isinstance(value, int) and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)
