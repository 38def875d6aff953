"""Short names for the firmware's own: fewer and shorter names make smaller files and take less heap.

A name that every MicroPython has in its ROM takes two bytes of a file and no heap (`static_qstr_list` of MicroPython's
py/makeqstrdata.py, the same in all of .mpy version 6), so those are given first. Two attributes share a name where no class
has both.
"""

from __future__ import annotations

import ast
from collections import Counter
from itertools import chain, product
from string import ascii_lowercase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from canbean.board.scopes import Source

_ROM = """
abs all any append args bool bytecode callable chr classmethod clear close copy count dict dir divmod end endswith eval
exec extend find format from_bytes get getattr globals hasattr hash id index insert int isalpha isdigit isinstance
islower isspace issubclass isupper items iter join key keys len list little locals lower lstrip main map micropython
next object open ord pop popitem pow print range read readinto readline remove replace repr reverse rfind rindex round
rsplit rstrip send sep set setattr setdefault sort sorted split start startswith staticmethod step stop str strip sum
throw to_bytes tuple type update upper value values write zip const
"""
IN_ROM = tuple(_ROM.split())
ARGUMENTS = (
    "args",
    "key",
    "value",
    "end",
    "start",
    "step",
    "count",
    "sep",
    "index",
    "items",
    "values",
    "keys",
)
"""Names of arguments; those at the top of files are others."""

_BUILT_IN = """
append clear copy count decode difference encode endswith extend find format from_bytes fromkeys get index insert
intersection isalpha isdigit isdisjoint islower isspace issubset issuperset isupper items join keys lower lstrip pop
popitem remove replace reverse rfind rindex rsplit rstrip setdefault sort split startswith strip to_bytes union update
upper values add discard hex itemsize cast

mount open stat

accept bind close connect digest fileno flush getvalue hexdigest ioctl ipoll listen makefile modify poll read readinto
readline readlines recv recv_into recvfrom register seek send sendall sendto setblocking setsockopt settimeout tell throw
truncate unregister write args errno value buffer raw
"""
_HARDWARE = """
active alarm alarm_left any atten bitstream callback cancel channel config datetime deinit drive duty duty_ns duty_u16
feed freq get_additional_timings get_counters get_state high idle ifconfig init irq low memory mode off on pull read_u16
readblocks readfrom readfrom_into readfrom_mem readfrom_mem_into recv reset restart scan sendbreak set_filters sleep
start state status stop timing toggle txdone width write_readinto writeblocks writeto writeto_mem
"""
FIXED = frozenset((_BUILT_IN + _HARDWARE).split())
"""Attributes of what is not ours: of built-in types, files, sockets and digests; of `machine` and its like."""


class Attributes:
    """The attributes of the firmware's classes, and a short name for each that is ours alone."""

    def __init__(self, sources: Iterable[Source], kept: Iterable[str], there: Iterable[str] = ()) -> None:
        """Give names.

        Args:
            sources: all files whose objects may meet.
            kept: names that must stay: some code asks for them as text, or they are a file's own.
            there: names that the table of names has anyway, those of built-in functions.
        """
        self.classes: list[set[str]] = []
        self.wide: set[str] = set()
        uses: Counter[str] = Counter()
        bases: dict[str, list[ast.ClassDef]] = {}
        sources = list(sources)
        # what a board's file calls: one that got an attribute of that name would call this
        boards = [source for source in sources if source.name.startswith("boards/")]
        self.called = {node.id for board in boards for node in board.nodes if isinstance(node, ast.Name)}
        for source in sources:
            for node in source.nodes:
                if isinstance(node, ast.Attribute):
                    uses[node.attr] += 1
                elif isinstance(node, ast.ClassDef):
                    bases.setdefault(node.name, []).append(node)
        for node in chain.from_iterable(bases.values()):
            family = [node]
            for one in family:
                for base in one.bases:
                    family += [found for found in bases.get(ast.unparse(base), ()) if found not in family]
            self.classes.append(set().union(*(_given(one) for one in family)))
        for source in sources:
            for node in source.nodes:
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and not _of_self(node):
                    self.wide.add(node.attr)
        ours = set().union(*self.classes)
        self.kept: set[str] = set(FIXED) | set(kept) | {name for name in uses if name not in ours}
        self.short: dict[str, str] = {}
        todo = {name for name in ours if name not in self.kept and not name.startswith("__")}
        for name in sorted(todo, key=lambda name: (name not in self.wide, -uses[name], name)):
            taken = self._beside(name)
            self.short[name] = next(one for one in chain(there, pool()) if one not in taken)

    def _beside(self, name: str) -> set[str]:
        """Names that this one must not get."""
        if name in self.wide:
            return self.kept | self.called | set(self.short.values())
        beside = set().union(*(one for one in self.classes if name in one), self.wide)
        return self.kept | {self.short[one] for one in beside if one in self.short}


def _of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def _given(node: ast.ClassDef) -> set[str]:
    """Attributes that a class gives its objects."""
    found = set()
    for one in node.body:
        if isinstance(one, ast.FunctionDef):
            found.add(one.name)
        elif isinstance(one, ast.Assign):
            found |= {
                name.id for target in one.targets for name in ast.walk(target) if isinstance(name, ast.Name)
            }
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            found.add(inner.attr)
    return found


def pool() -> Iterator[str]:
    """Names without end, the cheapest first."""
    yield from IN_ROM
    for length in (1, 2, 3):
        for letters in product(ascii_lowercase, repeat=length):
            name = "".join(letters)
            if name not in ("as", "if", "in", "is", "or", "and", "def", "del", "for", "not", "try"):
                yield name


def top_level(
    names: Iterable[tuple[str, int]], taken: Iterable[str], there: Iterable[str] = ()
) -> dict[str, str]:
    """A short name for each that stands at the top of one file.

    Args:
        names: each with how often it is used.
        taken: names that mean something else there.
        there: names that the table of names has anyway, those of attributes.
    """
    away = set(taken) | set(ARGUMENTS) | {"self", "const"}
    found: dict[str, str] = {}
    free = chain(there, pool())
    for name, _ in sorted(names, key=lambda one: (-one[1], one[0])):
        found[name] = next(one for one in free if one not in away)
        away.add(found[name])
    return found
