"""Where each name of a joined firmware lives, and what it is called there."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from string import ascii_lowercase
from typing import TYPE_CHECKING

from canbean.board.asked import offered
from canbean.board.reach import Part, Reach
from canbean.board.scopes import BOOT, PACKAGE, REST, SELDOM, File, Own, Source, imported, origin
from canbean.board.shorten import ARGUMENTS, FIXED, Attributes, top_level
from canbean.board.spare import BY_TEXT, TEXT
from canbean.board.writer import LOAD

if TYPE_CHECKING:
    from collections.abc import Iterable

START, FINISH, RUN, LEAVE = "start", "finish", "run", "leave"
"""What the application's file asks for (`bundle.py`): functions of the files of what runs once, and a method of what the last of them returns."""
FLEETING = "super"
"""A name for what gets another one at once."""
RESERVED = {FLEETING, "zip", "tuple", "open", "str", TEXT, LEAVE}


class Placement:
    """Where each name lives and what it is called."""

    def __init__(  # noqa: PLR0917 - of one caller
        self,
        sources: dict[str, Source],
        joined: list[str],
        start: Own,
        dropped: set[str],
        named: list[str],
        seldom: Iterable[Part],
        starting: Iterable[Part],
        without: Iterable[Part],
    ) -> None:
        self.sources = sources
        # what runs instead of the application needs what runs once, too
        self.instead = {part.file for part in starting if part.file.startswith("apps/")}
        self.joined = set(joined)
        self.dropped = dropped
        self.named = named
        nodes = [node for source in sources.values() for node in source.nodes]
        self.passing: set[str] = set()
        by_text = {text for source in sources.values() for text in _by_text(source)} | {START, FINISH, RUN}
        self.keywords = {str(node.arg) for node in nodes if isinstance(node, ast.keyword)}
        asked = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        # What is asked of a file as an object: a board's, a command's.
        lent = {name for name in sources if name.startswith(("boards/", "commands/"))}
        self.offered = {name: offered(sources, name) for name in sources if name.startswith("boards/")}
        for name, tops in self.offered.items():
            sources[name].names.update({top: Own(name, top) for top in tops})
        self.kept = {
            Own(name, top)
            for name, source in sources.items()
            for top, meaning in source.names.items()
            if meaning == Own(name, top)
            and name not in named
            and (
                top in by_text
                or (name in lent and top in asked)
                or top == "main"
                or top in self.offered.get(name, ())
            )
        }
        self.lent = {
            name: [
                top
                for top, meaning in sources[name].names.items()
                if meaning == Own(name, top) and top in by_text
            ]
            for name in named
        }
        later = (by_text | FIXED | {LOAD.name}) - {START, FINISH}
        finish = Own(start.file, FINISH) if FINISH in sources[start.file].names else None
        reach = Reach(sources, joined, start, later, dropped, named, seldom, starting, without, finish)
        sought = sorted({part.file for part in reach.seldom})
        self.seldom_files = {
            file: SELDOM + letter for file, letter in zip(sought, ascii_lowercase, strict=False)
        }
        self.once, self.rest, self.never, self.seldom = reach.once, reach.rest, reach.never, reach.seldom
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        self.builtins = {name for name in names if hasattr(builtins, name)} | RESERVED
        near = [node for name in joined for node in sources[name].nodes]
        calls = sorted({node.id for node in near if isinstance(node, ast.Name)} & self.builtins)
        # a name that is in the table anyway costs nothing more
        self.attributes = Attributes(sources.values(), by_text | {own.name for own in self.kept}, calls).short
        self.near = sorted(
            {node.attr for node in near if isinstance(node, ast.Attribute)} & FIXED
            | set(self.attributes.values())
        )
        self.arguments = [one for one in ARGUMENTS if one not in self.builtins | self.keywords]
        self.tops = self._tops()

    def home(self, own: Own) -> str:
        """The output file of a name."""
        if own.file not in self.joined:
            return own.file
        part = Part(own.file, own.name)
        if part in self.rest:
            return REST
        if part in self.seldom:
            return self.seldom_files[own.file]
        return BOOT if part in self.once else PACKAGE

    def constant(self, own: Own) -> bool:
        """Whether a name stands for a value that is known now; what a file that is an object has, it keeps."""
        return own.name in self.sources[own.file].constants and own not in self.kept

    def _tops(self) -> dict[Own, str]:
        """Names at the top of files, all different but for those that one file has for itself."""
        uses: Counter[Own] = Counter()
        shared_by: dict[Own, set[str]] = {}
        for source in self.sources.values():
            names = dict(source.names)
            for node in source.nodes:
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    names.update(imported(source, node, self.sources))
            for node in source.nodes:
                found = names.get(node.id) if isinstance(node, ast.Name) else None
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    base = names.get(node.value.id)
                    found = Own(base.file, node.attr) if isinstance(base, File) else None
                found = origin(found, self.sources) if found else None
                if isinstance(found, Own):
                    uses[found] += 1
                    shared_by.setdefault(found, set()).add(source.name)
        owns = {
            Own(name, top)
            for name, source in self.sources.items()
            for top, meaning in source.names.items()
            if meaning == Own(name, top) and not self.constant(Own(name, top))
        } - self.kept
        joint = {
            own for own in owns if own.file in self.joined or shared_by.get(own, {own.file}) != {own.file}
        }
        away = self.builtins | self.keywords | {own.name for own in self.kept}
        away |= {
            name
            for source in self.sources.values()
            for name, one in source.names.items()
            if not isinstance(one, Own)
        }
        named = {own: own.name for own in self.kept}

        def give(those: set[Own]) -> dict[Own, str]:
            keys = {f"{own.file}:{own.name}": own for own in those}
            order = [(key, uses[own]) for key, own in keys.items()]
            short = top_level(order, away | set(named.values()), self.near)
            return {own: short[key] for key, own in keys.items()}

        named |= give(joint)
        alone = [give({own for own in owns - joint if own.file == name}) for name in sorted(self.sources)]
        return {own: name for names in [named, *alone] for own, name in names.items()}


def _by_text(source: Source) -> set[str]:
    """Names that a file asks for as text: all its texts where it works them out."""
    found = set()
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BY_TEXT:
            for one in node.args[BY_TEXT[node.func.id] :][:1]:
                parts = one.elts if isinstance(one, ast.Tuple) else [one]
                if all(isinstance(part, ast.Constant) for part in parts):
                    found |= {str(part.value) for part in parts if isinstance(part, ast.Constant)}
                else:
                    found |= {
                        inner.value
                        for inner in source.nodes
                        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
                    }
    return found
