"""A board's file without what its application never asks for: a gateway's has no roast meter's pins, and the other way round."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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


@lru_cache(maxsize=512)
def _named(source: bytes) -> frozenset[str]:
    """Attributes, texts and what is imported from somewhere, of a file."""
    nodes = list(ast.walk(ast.parse(source)))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    taken = {one.name for node in nodes if isinstance(node, ast.ImportFrom) for one in node.names}
    return frozenset(attributes | texts | taken)


def _names(node: ast.stmt) -> set[str]:
    """What a statement that only defines something gives its name to."""
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    if isinstance(node, ast.Assign) and not any(isinstance(one, ast.Call) for one in ast.walk(node.value)):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return set()


def _used(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
