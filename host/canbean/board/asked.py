"""What is asked of a board's file, which goes without the rest: a gateway's has no roast meter's pins, and the other way round."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from canbean.board.scopes import File, Own, imported, taken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canbean.board.scopes import Source


def asked(source: bytes, others: Iterable[bytes]) -> bytes:
    """The lines of a board's file that are needed.

    Args:
        source: the board's file.
        others: all other files of the firmware; a function or constant of the board's is kept where one of them has its name
            as an attribute, as a text or in an import.
    """
    try:
        body = ast.parse(source).body
        named = frozenset[str]().union(*map(_named, others))
    except SyntaxError:
        # for the compiler to say
        return source
    tops = {name: node for node in body for name in _names(node)}
    kept: set[str] = set()
    todo = tops.keys() & named
    # what runs at once
    todo |= {name for node in body if not _names(node) for name in _used(node)}
    while todo:
        name = todo.pop()
        if name in tops and name not in kept:
            kept.add(name)
            todo |= _used(tops[name])
    lines = source.splitlines(keepends=True)
    for name in tops.keys() - kept:
        for at in range(tops[name].lineno - 1, tops[name].end_lineno or 0):
            lines[at] = b""
    return b"".join(lines)


def offered(sources: dict[str, Source], board: str) -> set[str]:
    """What a board's file imports for others, which ask for it as for what is the file's own."""
    there = {
        name
        for one in sources[board].tree.body
        if isinstance(one, ast.ImportFrom)
        for name, meaning in imported(sources[board], one, sources).items()
        if not isinstance(meaning, File)
    }
    wanted = set()
    for source in sources.values():
        for node in source.nodes if there and source.name != board else ():
            if isinstance(node, ast.Attribute):
                wanted.add(node.attr)
            elif isinstance(node, ast.ImportFrom):
                taken_here = [taken(source, node, alias, sources) for alias in node.names]
                wanted |= {own.name for own in taken_here if isinstance(own, Own) and own.file == board}
    return there & wanted


@lru_cache(maxsize=512)
def _named(source: bytes) -> frozenset[str]:
    """Attributes, texts and what is imported from somewhere, of a file."""
    nodes = list(ast.walk(ast.parse(source)))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    there = {one.name for node in nodes if isinstance(node, ast.ImportFrom) for one in node.names}
    return frozenset(attributes | texts | there)


def _names(node: ast.stmt) -> set[str]:
    """What a statement that only defines something gives its name to."""
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    if isinstance(node, ast.Assign) and not any(isinstance(one, ast.Call) for one in ast.walk(node.value)):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return set()


def _used(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
