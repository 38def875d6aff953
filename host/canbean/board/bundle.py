"""The firmware's files as a board gets them: those that it always loads joined into one, names shortened in all of them.

One file has one table of names, no imports of its own parts, and constants where they are used. What runs only until the
application stands is a second file, which leaves the heap again; what is loaded later, or dropped, stays a file of
its own. All of them find one another's names.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections import Counter
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING

from canbean.board import spare
from canbean.board.asked import offered
from canbean.board.reach import Part, Reach
from canbean.board.scopes import (
    BOOT,
    CONST,
    COPIED,
    JOINED,
    NATIVE,
    PACKAGE,
    PASSING,
    REST,
    SELDOM,
    File,
    Own,
    Source,
    files_in,
    imported,
    origin,
    parse,
)
from canbean.board.shorten import ARGUMENTS, FIXED, Attributes, top_level
from canbean.board.spare import BY_TEXT, TEXT, named_once, not_names, shared
from canbean.board.writer import LOAD, Moved, writer
from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAIN = """import canbean


def main(value):
"""
STEP = """    import sys
    from canbean import {name}

    value = {name}.start(value)
    {name}.leave()
    del {name}, canbean.{name}, sys.modules["canbean.{name}"]
"""
PASSING_STEPS = """    for key in {paths}:
        key = canbean.{load}(key)
        value = key.start(value)
        key.leave()
        key = None
"""
END = """    value.run()
"""
"""The application's file, where the application is joined: a step for each file of what runs once. Its names every MicroPython has."""
DROP = """import canbean, sys
del sys.modules["{0}"], {0}"""
"""What follows an import from a file of what is loaded for each call."""
START, FINISH, RUN, LEAVE = "start", "finish", "run", "leave"
"""What `MAIN` asks for: functions of the files of what runs once, and a method of what the last of them returns."""
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
        load: what the function is called there that loads files whose code passes; empty where they keep their names.
    """

    files: dict[str, str]
    texts: bytes
    loaded: tuple[str, ...]
    load: str = ""


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
    passing: Iterable[str] | None = None,
) -> Bundle:
    """The files of a firmware, joined and shortened.

    Args:
        contents: all files by path under the firmware, without `.py`.
        start: files that the board loads first, the application's first of all. That one has a function `start(board)`,
            which returns what has a method `run()`; it becomes a file that calls the two and lets go of the code in between.
            Where it has a function `finish` too, that is given what `start` returns, and returns what runs.
        named: files that are joined too, though they are imported by names that come as text.
        apart: files that stay their own, though others load them.
        seldom: functions that are loaded for each call and leave the heap again, with what only they need.
        starting: functions of files that are not joined, which run at start only: for the application, or instead of it.
        without: functions and methods that this application never runs, whoever else would.
        texts: whether long texts move into a file, to be read when they are needed.
        passing: files whose code passes, beside those of commands and those that some code drops: all are loaded under
            one name (`passing_joined.py`), so that the table of names does not grow. None: each has its own, as CPython
            needs it.

    Raises:
        BoardError: a file that is no Python.
    """
    start = list(start)
    contents = dict(contents)
    joined_passing = contents.pop(JOINED, b"")
    if passing is not None:
        contents[PASSING] = joined_passing
    sources = parse(contents)
    dropped = _dropped(sources)
    named = sorted(named)
    joined = list(_loaded(sources, [*start, *named], set(apart) | dropped))
    plan = _Plan(sources, joined, Own(start[0], START), dropped, named, seldom, starting, without)
    dropped |= set(passing or ())
    if passing is not None:
        commands = {name for name in sources if name.startswith("commands/")}
        plan.passing = commands | dropped | {BOOT, REST} | set(plan.seldom_files.values())
    files, words = plan.files(joined, texts=texts)
    load = "" if passing is None else plan.tops[LOAD]
    once = (BOOT, REST) if plan.rest else (BOOT,)
    if load:
        steps = PASSING_STEPS.format(paths=once, load=load)
    else:
        steps = "".join(STEP.format(name=file.partition("/")[2]) for file in once)
    files[start[0]] = MAIN + steps + END
    native = {name: text.decode() for name, text in contents.items() if name.endswith(NATIVE)}
    return Bundle(files | native, words, tuple(joined), load)


def _loaded(sources: dict[str, Source], start: Iterable[str], apart: set[str]) -> Iterator[str]:
    """`start` and what it loads, each after what it needs itself."""
    done = set(apart)

    def visit(name: str) -> Iterator[str]:
        if name in done:
            return
        done.add(name)
        for needed in files_in(sources, sources[name]):
            yield from visit(needed)
        yield name

    yield from visit(PACKAGE)
    for name in start:
        yield from visit(name)


def _dropped(sources: dict[str, Source]) -> set[str]:
    """Files that some code takes off a board's heap again: `del sys.modules["canbean.model"]`."""
    found = set()
    for source in sources.values():
        for node in source.nodes:
            for target in node.targets if isinstance(node, ast.Delete) else ():
                text = ast.unparse(target)
                if text.startswith("sys.modules['"):
                    found.add(text.split("'")[1].replace(".", "/"))
    return found & set(sources)


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
        self.builtins = {name for name in names if hasattr(builtins, name)} | _RESERVED
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

    def files(self, joined: list[str], *, texts: bool) -> tuple[dict[str, str], bytes]:
        """All output files, and their texts."""
        bodies: dict[str, list[ast.stmt]] = {PACKAGE: [], BOOT: []}
        if self.rest:
            bodies[REST] = []
        outside: dict[str, ast.stmt] = {}
        needs: set[tuple[str, Own]] = set()
        moved: list[Moved] = []
        own_imports: dict[str, dict[str, ast.stmt]] = {}
        for name in [*joined, *(name for name in self.sources if name not in self.joined)]:
            written = writer(self, self.sources[name])
            imports = outside if name in self.joined else own_imports.setdefault(name, {})
            if name not in self.joined and self.sources[name].tree.body:
                # also where it only imports
                bodies.setdefault(name, [])
            for statement in self.sources[name].tree.body:
                made = written.statement(statement)
                if isinstance(statement, (ast.Import, ast.ImportFrom)):
                    imports.update({ast.unparse(ast.fix_missing_locations(one)): one for one in made})
                else:
                    bodies.setdefault(written.here, []).extend(made)
            needs |= written.needs
            moved += written.moved
        for name in bodies.keys() & {BOOT, REST}:
            lent = self.lent if name == (REST if self.rest else BOOT) else {}
            bodies[name] += self._installed(name, [one[1:] for one in moved if one[0] == name], lent, needs)
        for name in ("sys", "canbean"):
            outside[f"import {name}"] = ast.Import([ast.alias(name)])
        needs |= {(there, LOAD) for there, own in needs if PACKAGE != there != self.home(own) in self.passing}
        for there, own in needs:
            if there == PACKAGE and self.home(own) in self.seldom_files.values():
                raise BoardError(
                    f"{own.file}.py: {own.name} is loaded for each call: import it within a function"
                )
        small_file = self.seldom_files.get(COPIED)
        small = {
            one.name: one for one in bodies.get(small_file or "", ()) if isinstance(one, ast.FunctionDef)
        }
        for there, own in sorted(needs, key=str):
            if self.home(own) == small_file != there:
                bodies[there].insert(0, copy.deepcopy(small[self.tops[own]]))
        needs = {(there, own) for there, own in needs if self.home(own) != small_file}
        words = spare.texts() if texts else None
        files = {}
        for name, body in bodies.items():
            imports = (
                outside if name in (PACKAGE, BOOT, REST, *self.seldom_files.values()) else own_imports[name]
            )
            module = ast.Module(body, [])
            named_once(module)
            if words:
                words.take(module)
                if name in (BOOT, REST, *self.seldom_files.values(), *self.dropped) or name.startswith(
                    "commands/"
                ):
                    not_names(module)
            used = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
            used |= self.offered.get(name, set())
            first: list[ast.stmt] = [one for one in imports.values() if _binds(one) & used]
            if name in self.instead:
                first.append(ast.ImportFrom("canbean", [ast.alias("boot")], 0))
            if TEXT in used and name != PACKAGE:
                first.append(ast.ImportFrom("canbean", [ast.alias(TEXT)], 0))
            first += self._taken(
                [own for there, own in sorted(needs, key=str) if there == name and own != CONST]
            )
            away = {self.home(own) for there, own in needs if there == name} & set(
                self.seldom_files.values()
            ) - {name}
            for file in sorted(away - self.passing):
                first += ast.parse(DROP.format(file.replace("/", "."))).body
            # what others are loaded for comes after what loads them
            module.body[:0] = sorted(first, key=lambda one: not isinstance(one, (ast.Import, ast.ImportFrom)))
            if name == PACKAGE and words:
                module.body.append(words.reader())
            files[name] = ast.unparse(ast.fix_missing_locations(shared(module))) + "\n"
        return files, words.content if words else b""

    def _taken(self, owns: list[Own]) -> list[ast.stmt]:
        """What a file takes from others, those first that load the others."""
        made: list[ast.stmt] = []
        late: dict[str, list[str]] = {}
        for own in owns:
            home, name = self.home(own), self.tops[own]
            if home in self.passing:
                late.setdefault(home, []).append(name)
            else:
                module = home.replace("/__init__", "").replace("/", ".")
                made.append(ast.ImportFrom(module, [ast.alias(name)], 0))
        for home, names in late.items():
            lines = [
                f"{_PASSING} = {self.tops[LOAD]}({home!r})",
                *(f"{one} = {_PASSING}.{one}" for one in names),
            ]
            made += ast.parse("\n".join([*lines, f"{_PASSING} = None"])).body
        return made

    def _installed(
        self,
        file: str,
        moved: list[tuple[str, str, ast.FunctionDef]],
        lent: dict[str, list[str]],
        needs: set[tuple[str, Own]],
    ) -> list[ast.stmt]:
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
        for name, tops in lent.items():
            owns = [Own(name, top) for top in tops]
            needs.update((file, own) for own in owns if self.home(own) != file)
            lines = "".join(f"    {own.name} = {self.tops[own]}\n" for own in owns)
            module = f"sys.modules['{name.replace('/', '.')}']"
            made += ast.parse(f"class {_PASSING}:\n{lines}\n{module} = {_PASSING}").body
            leave.append(f"del {module}")
        if file == REST:
            # called as the one before
            made += ast.parse(f"{START} = {FINISH}").body
        return made + ast.parse(f"def {LEAVE}():\n    " + "\n    ".join(leave)).body


def _binds(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Assign):
        return {name.id for name in node.targets if isinstance(name, ast.Name)}
    assert isinstance(node, (ast.Import, ast.ImportFrom))
    return {alias.asname or alias.name.split(".")[0] for alias in node.names}
