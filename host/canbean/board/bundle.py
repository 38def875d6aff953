"""The firmware's files as a board gets them: those that it always loads joined into one, names shortened in all of them.

One file has one table of names, no imports of its own parts, and constants where they are used. What runs only until the
application stands is a second file, which leaves the heap again; what is loaded later, or dropped, stays a file of
its own. All of them find one another's names.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from canbean.board import spare
from canbean.board.reach import Part, Reach
from canbean.board.scopes import (
    BOOT,
    CONST,
    NATIVE,
    PACKAGE,
    SELDOM,
    File,
    Own,
    Source,
    imported,
    origin,
    parse,
)
from canbean.board.shorten import ARGUMENTS, FIXED, Attributes, top_level
from canbean.board.spare import BY_TEXT, TEXT, named_once, not_names, shared
from canbean.board.writer import Moved, writer
from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAIN = """import gc
import sys

import canbean


def main(board):
    from canbean import boot

    console = boot.start(board)
    boot.leave()
    del boot, canbean.boot, sys.modules["canbean.boot"]
    gc.collect()
    console.run()
"""
"""The application's file, where the application is joined."""
DROP = f"""import canbean, sys
del sys.modules["{SELDOM.replace("/", ".")}"], {SELDOM.replace("/", ".")}"""
"""What follows an import from the file of what is loaded for each call."""
START, RUN, LEAVE = "start", "run", "leave"
"""What `MAIN` asks for: functions of the file of what runs once, and a method of what the first of them returns."""
_PASSING = "super"
"""A name for what gets another one at once."""
_RESERVED = {_PASSING, "zip", "tuple", "open", "str", TEXT, LEAVE}


@dataclass(frozen=True)
class Bundle:
    """A firmware for a board.

    Attributes:
        files: sources by path without `.py`.
        texts: what the file `texts` holds; empty where texts stay in the code.
        loaded: the files whose code the bundle holds.
    """

    files: dict[str, str]
    texts: bytes
    loaded: tuple[str, ...]


def bundle(
    contents: dict[str, bytes],
    start: Iterable[str],
    named: Iterable[str],
    apart: Iterable[str],
    seldom: Iterable[Part] = (),
    *,
    starting: Iterable[Part] = (),
    without: Iterable[Part] = (),
    texts: bool = True,
) -> Bundle:
    """The files of a firmware, joined and shortened.

    Args:
        contents: all files by path under the firmware, without `.py`.
        start: files that the board loads first, the application's first of all. That one has a function `start(board)`,
            which returns what has a method `run()`; it becomes a file that calls the two and lets go of the code in between.
        named: files that are joined too, though they are imported by names that come as text.
        apart: files that stay their own, though others load them.
        seldom: functions that are loaded for each call and leave the heap again, with what only they need.
        starting: functions of files that are not joined, which run at start only: for the application, or instead of it.
        without: functions and methods that this application never runs, whoever else would.
        texts: whether long texts move into a file, to be read when they are needed.

    Raises:
        BoardError: a file that is no Python.
    """
    start = list(start)
    sources = parse(contents)
    dropped = _dropped(sources)
    named = sorted(named)
    joined = list(_loaded(sources, [*start, *named], set(apart) | dropped))
    plan = _Plan(sources, joined, Own(start[0], START), dropped, named, seldom, starting, without)
    files, words = plan.files(joined, texts=texts)
    files[start[0]] = MAIN
    native = {name: text.decode() for name, text in contents.items() if name.endswith(NATIVE)}
    return Bundle(files | native, words, tuple(joined))


def _loaded(sources: dict[str, Source], start: Iterable[str], apart: set[str]) -> Iterator[str]:
    """`start` and what it loads, each after what it needs itself."""
    done = set(apart)

    def visit(name: str) -> Iterator[str]:
        if name in done:
            return
        done.add(name)
        for needed in _files_in(sources, sources[name]):
            yield from visit(needed)
        yield name

    yield from visit(PACKAGE)
    for name in start:
        yield from visit(name)


def _files_in(sources: dict[str, Source], source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for meaning in imported(source, node, sources).values():
                if isinstance(meaning, (Own, File)):
                    yield meaning.file


def _dropped(sources: dict[str, Source]) -> set[str]:
    """Files that some code takes off a board's heap again: `del sys.modules["canbean.model"]`."""
    found = set()
    for source in sources.values():
        for node in ast.walk(source.tree):
            for target in node.targets if isinstance(node, ast.Delete) else ():
                text = ast.unparse(target)
                if text.startswith("sys.modules['"):
                    found.add(text.split("'")[1].replace(".", "/"))
    return found & set(sources)


def _by_text(tree: ast.Module) -> set[str]:
    """Names that a file asks for as text: all its texts where it works them out."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BY_TEXT:
            for one in node.args[BY_TEXT[node.func.id] :][:1]:
                parts = one.elts if isinstance(one, ast.Tuple) else [one]
                if all(isinstance(part, ast.Constant) for part in parts):
                    found |= {str(part.value) for part in parts if isinstance(part, ast.Constant)}
                else:
                    found |= {
                        inner.value
                        for inner in ast.walk(tree)
                        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
                    }
    return found


class _Plan:
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
        trees = [source.tree for source in sources.values()]
        nodes = [node for tree in trees for node in ast.walk(tree)]
        by_text = {text for tree in trees for text in _by_text(tree)} | {START, RUN}
        self.keywords = {str(node.arg) for node in nodes if isinstance(node, ast.keyword)}
        asked = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        # What is asked of a file as an object: a board's, a command's.
        lent = {name for name in sources if name.startswith(("boards/", "commands/"))}
        self.kept = {
            Own(name, top)
            for name, source in sources.items()
            for top, meaning in source.names.items()
            if meaning == Own(name, top)
            and name not in named
            and (top in by_text or (name in lent and top in asked) or top == "main")
        }
        self.lent = {
            name: [
                top
                for top, meaning in sources[name].names.items()
                if meaning == Own(name, top) and top in by_text
            ]
            for name in named
        }
        later = (by_text | FIXED) - {START}
        reach = Reach(sources, joined, start, later, dropped, named, seldom, starting, without)
        self.once, self.never, self.seldom = reach.once, reach.never, reach.seldom
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        self.builtins = {name for name in names if hasattr(builtins, name)} | _RESERVED
        near = [node for name in joined for node in ast.walk(sources[name].tree)]
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
        return BOOT if part in self.once else SELDOM if part in self.seldom else PACKAGE

    def constant(self, own: Own) -> bool:
        """Whether a name stands for a value that is known now; what a file that is an object has, it keeps."""
        return own.name in self.sources[own.file].constants and own not in self.kept

    def _tops(self) -> dict[Own, str]:
        """Names at the top of files, all different but for those that one file has for itself."""
        uses: Counter[Own] = Counter()
        shared_by: dict[Own, set[str]] = {}
        for source in self.sources.values():
            names = dict(source.names)
            for node in ast.walk(source.tree):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    names.update(imported(source, node, self.sources))
            for node in ast.walk(source.tree):
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

    def files(self, joined: list[str], *, texts: bool) -> tuple[dict[str, str], bytes]:
        """All output files, and their texts."""
        bodies: dict[str, list[ast.stmt]] = {PACKAGE: [], BOOT: []}
        outside: dict[str, ast.stmt] = {}
        needs: set[tuple[str, Own]] = set()
        moved: list[Moved] = []
        own_imports: dict[str, dict[str, ast.stmt]] = {}
        for name in [*joined, *(name for name in self.sources if name not in self.joined)]:
            written = writer(self, self.sources[name])
            imports = outside if name in self.joined else own_imports.setdefault(name, {})
            for statement in self.sources[name].tree.body:
                made = written.statement(statement)
                if isinstance(statement, (ast.Import, ast.ImportFrom)):
                    imports.update({ast.unparse(one): one for one in made})
                else:
                    bodies.setdefault(written.here, []).extend(made)
            needs |= written.needs
            moved += written.moved
        bodies[BOOT] += self._installed(moved, needs)
        for name in ("sys", "canbean"):
            outside[f"import {name}"] = ast.Import([ast.alias(name)])
        for there, own in needs:
            if there == PACKAGE and self.home(own) == SELDOM:
                raise BoardError(
                    f"{own.file}.py: {own.name} is loaded for each call: import it within a function"
                )
        words = spare.texts() if texts else None
        files = {}
        for name, body in bodies.items():
            imports = outside if name in (PACKAGE, BOOT, SELDOM) else own_imports[name]
            module = ast.Module(body, [])
            named_once(module)
            if words:
                words.take(module)
                if name in (BOOT, SELDOM, *self.dropped) or name.startswith("commands/"):
                    not_names(module)
            used = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
            first: list[ast.stmt] = [one for one in imports.values() if _binds(one) & used]
            if name in self.instead:
                first.append(ast.ImportFrom("canbean", [ast.alias("boot")], 0))
            if TEXT in used and name != PACKAGE:
                first.append(ast.ImportFrom("canbean", [ast.alias(TEXT)], 0))
            first += [
                ast.ImportFrom(
                    self.home(own).replace("/__init__", "").replace("/", "."), [ast.alias(self.tops[own])], 0
                )
                for there, own in sorted(needs, key=str)
                if there == name and own != CONST
            ]
            if name != SELDOM and any(there == name and self.home(own) == SELDOM for there, own in needs):
                first += ast.parse(DROP).body
            module.body[:0] = first
            if name == PACKAGE and words:
                module.body.append(words.reader())
            files[name] = ast.unparse(ast.fix_missing_locations(shared(module))) + "\n"
        return files, words.content if words else b""

    def _installed(self, moved: list[Moved], needs: set[tuple[str, Own]]) -> list[ast.stmt]:
        """Methods that run once, given to their classes; what stands for files found by name; what takes both off again."""
        made: list[ast.stmt] = []
        places = []
        for owner, name, node in moved:
            node.name = _PASSING
            made.append(node)
            made += ast.parse(f"{owner}.{name} = {_PASSING}").body
            places.append(f"{owner}.{name}")
        # `del` would leave the function in its slot, where the collector finds it
        leave = [" = ".join([*places, "None"])]
        for name, tops in self.lent.items():
            owns = [Own(name, top) for top in tops]
            needs.update((BOOT, own) for own in owns if self.home(own) != BOOT)
            lines = "".join(f"    {own.name} = {self.tops[own]}\n" for own in owns)
            module = f"sys.modules['{name.replace('/', '.')}']"
            made += ast.parse(f"class {_PASSING}:\n{lines}\n{module} = {_PASSING}").body
            leave.append(f"del {module}")
        return made + ast.parse(f"def {LEAVE}():\n    " + "\n    ".join(leave)).body


def _binds(node: ast.stmt) -> set[str]:
    assert isinstance(node, (ast.Import, ast.ImportFrom))
    return {alias.asname or alias.name.split(".")[0] for alias in node.names}
