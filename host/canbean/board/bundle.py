"""The firmware's files as a board gets them: those that it always loads joined into one, names shortened in all of them.

One file has one table of names, no imports of its own parts, and constants where they are used. What runs only until the
application stands is a second file, which leaves the heap again; what is loaded later, or dropped, stays a file of
its own. All of them find one another's names.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from canbean.board import spare
from canbean.board.placement import FINISH, FLEETING, LEAVE, START, Placement
from canbean.board.scopes import (
    BOOT,
    CONST,
    COPIED,
    JOINED,
    NATIVE,
    PACKAGE,
    PASSING,
    REST,
    Own,
    Source,
    files_in,
    parse,
)
from canbean.board.spare import TEXT, named_once, not_names, shared
from canbean.board.writer import LOAD, Moved, writer
from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from canbean.board.reach import Part

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
    plan = Placement(sources, joined, Own(start[0], START), dropped, named, seldom, starting, without)
    dropped |= set(passing or ())
    if passing is not None:
        commands = {name for name in sources if name.startswith("commands/")}
        plan.passing = commands | dropped | {BOOT, REST} | set(plan.seldom_files.values())
    files, words = _files(plan, joined, texts=texts)
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


def _files(plan: Placement, joined: list[str], *, texts: bool) -> tuple[dict[str, str], bytes]:
    """All output files, and their texts."""
    bodies: dict[str, list[ast.stmt]] = {PACKAGE: [], BOOT: []}
    if plan.rest:
        bodies[REST] = []
    outside: dict[str, ast.stmt] = {}
    needs: set[tuple[str, Own]] = set()
    moved: list[Moved] = []
    own_imports: dict[str, dict[str, ast.stmt]] = {}
    for name in [*joined, *(name for name in plan.sources if name not in plan.joined)]:
        written = writer(plan, plan.sources[name])
        imports = outside if name in plan.joined else own_imports.setdefault(name, {})
        if name not in plan.joined and plan.sources[name].tree.body:
            # also where it only imports
            bodies.setdefault(name, [])
        for statement in plan.sources[name].tree.body:
            made = written.statement(statement)
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                imports.update({ast.unparse(ast.fix_missing_locations(one)): one for one in made})
            else:
                bodies.setdefault(written.here, []).extend(made)
        needs |= written.needs
        moved += written.moved
    for name in bodies.keys() & {BOOT, REST}:
        lent = plan.lent if name == (REST if plan.rest else BOOT) else {}
        bodies[name] += _installed(plan, name, [one[1:] for one in moved if one[0] == name], lent, needs)
    for name in ("sys", "canbean"):
        outside[f"import {name}"] = ast.Import([ast.alias(name)])
    needs |= {(there, LOAD) for there, own in needs if PACKAGE != there != plan.home(own) in plan.passing}
    for there, own in needs:
        if there == PACKAGE and plan.home(own) in plan.seldom_files.values():
            raise BoardError(
                f"{own.file}.py: {own.name} is loaded for each call: import it within a function"
            )
    small_file = plan.seldom_files.get(COPIED)
    small = {one.name: one for one in bodies.get(small_file or "", ()) if isinstance(one, ast.FunctionDef)}
    for there, own in sorted(needs, key=str):
        if plan.home(own) == small_file != there:
            bodies[there].insert(0, copy.deepcopy(small[plan.tops[own]]))
    needs = {(there, own) for there, own in needs if plan.home(own) != small_file}
    words = spare.texts() if texts else None
    files = {}
    for name, body in bodies.items():
        imports = outside if name in (PACKAGE, BOOT, REST, *plan.seldom_files.values()) else own_imports[name]
        module = ast.Module(body, [])
        named_once(module)
        if words:
            words.take(module)
            if name in (BOOT, REST, *plan.seldom_files.values(), *plan.dropped) or name.startswith(
                "commands/"
            ):
                not_names(module)
        used = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
        used |= plan.offered.get(name, set())
        first: list[ast.stmt] = [one for one in imports.values() if _binds(one) & used]
        if name in plan.instead:
            first.append(ast.ImportFrom("canbean", [ast.alias("boot")], 0))
        if TEXT in used and name != PACKAGE:
            first.append(ast.ImportFrom("canbean", [ast.alias(TEXT)], 0))
        first += _taken(
            plan, [own for there, own in sorted(needs, key=str) if there == name and own != CONST]
        )
        away = {plan.home(own) for there, own in needs if there == name} & set(plan.seldom_files.values()) - {
            name
        }
        for file in sorted(away - plan.passing):
            first += ast.parse(DROP.format(file.replace("/", "."))).body
        # what others are loaded for comes after what loads them
        module.body[:0] = sorted(first, key=lambda one: not isinstance(one, (ast.Import, ast.ImportFrom)))
        if name == PACKAGE and words:
            module.body.append(words.reader())
        files[name] = ast.unparse(ast.fix_missing_locations(shared(module))) + "\n"
    return files, words.content if words else b""


def _taken(plan: Placement, owns: list[Own]) -> list[ast.stmt]:
    """What a file takes from others, those first that load the others."""
    made: list[ast.stmt] = []
    late: dict[str, list[str]] = {}
    for own in owns:
        home, name = plan.home(own), plan.tops[own]
        if home in plan.passing:
            late.setdefault(home, []).append(name)
        else:
            module = home.replace("/__init__", "").replace("/", ".")
            made.append(ast.ImportFrom(module, [ast.alias(name)], 0))
    for home, names in late.items():
        lines = [
            f"{FLEETING} = {plan.tops[LOAD]}({home!r})",
            *(f"{one} = {FLEETING}.{one}" for one in names),
        ]
        made += ast.parse("\n".join([*lines, f"{FLEETING} = None"])).body
    return made


def _installed(
    plan: Placement,
    file: str,
    moved: list[tuple[str, str, ast.FunctionDef]],
    lent: dict[str, list[str]],
    needs: set[tuple[str, Own]],
) -> list[ast.stmt]:
    """Methods that run once, given to their classes; what stands for files found by name; what takes both off again."""
    made: list[ast.stmt] = []
    places = []
    for owner, name, node in moved:
        node.name = FLEETING
        made.append(node)
        made += ast.parse(f"{owner}.{name} = {FLEETING}").body
        places.append(f"{owner}.{name}")
    # `del` would leave the function in its slot, where the collector finds it
    leave = [" = ".join([*places, "None"])]
    for name, tops in lent.items():
        owns = [Own(name, top) for top in tops]
        needs.update((file, own) for own in owns if plan.home(own) != file)
        lines = "".join(f"    {own.name} = {plan.tops[own]}\n" for own in owns)
        module = f"sys.modules['{name.replace('/', '.')}']"
        made += ast.parse(f"class {FLEETING}:\n{lines}\n{module} = {FLEETING}").body
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
