"""One file of the firmware written anew: every name resolved, imports of joined files gone, constants in place."""

from __future__ import annotations

import ast
import copy
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from canbean.board.reach import Part, datum
from canbean.board.scopes import (
    BOOT,
    CONST,
    PACKAGE,
    PASSING,
    SELDOM,
    File,
    Meaning,
    Outside,
    Own,
    Source,
    bound,
    imported,
    literal,
    origin,
    statements,
    taken,
)
from canbean.board.shorten import pool
from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Plan(Protocol):
    """What a writer must know of all files."""

    sources: dict[str, Source]
    tops: dict[Own, str]
    attributes: dict[str, str]
    arguments: list[str]
    keywords: set[str]
    once: set[Part]
    seldom: set[Part]
    never: set[Part]
    passing: set[str]

    def home(self, own: Own) -> str:
        """The output file of a name."""

    def constant(self, own: Own) -> bool:
        """Whether it stands for a value that is known now."""


LOAD = Own(PASSING, "passing")
"""The function that loads files whose code passes."""
Moved = tuple[str, str, str, ast.FunctionDef]
"""A method that runs once: its output file, its class, its name there, itself."""


def is_table(node: ast.stmt) -> bool:
    """Whether a statement makes an array of constants."""
    return isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("array(")


def _names_of(file: str) -> tuple[str, str]:
    """A file as a module that is loaded, and as a name of its folder's."""
    name = file.replace("/", ".")
    return f"sys.modules['{name}']", name


class _Writer(ast.NodeTransformer):
    """The statements of one file, for output files.

    Attributes:
        needs: names of others' output files that what was written refers to, by output file: (its, there).
        moved: methods that run once.
    """

    def __init__(self, plan: Plan, source: Source) -> None:
        self.plan = plan
        self.source = source
        self.here = ""
        self.needs: set[tuple[str, Own]] = set()
        self.moved: list[Moved] = []
        self.functions: list[dict[str, str | Meaning]] = []
        self.free: Iterator[str] = iter(())
        self.number = 0
        self.trying = 0

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        """What becomes of a statement at the top of the file."""
        name = node.name if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else datum(node) or ""
        self.here = self.plan.home(Own(self.source.name, name))
        if Part(self.source.name, name) in self.plan.never:
            return []
        made = self.visit(copy.deepcopy(node))
        if self.here == PACKAGE and is_table(node):
            # made once; its text leaves the heap
            assert isinstance(made, ast.Assign)
            assert isinstance(made.targets[0], ast.Name)
            self.here = BOOT
            made.targets = [ast.Attribute(ast.Name("canbean", ast.Load()), made.targets[0].id, ast.Store())]
        if made is None:
            return []
        return made if isinstance(made, list) else [made]

    # What a name means

    def within(self, name: str) -> str | Meaning | None:
        for names in reversed(self.functions):
            if name in names:
                found = names[name]
                return found if isinstance(found, str) else origin(found, self.plan.sources)
        return None

    def meaning(self, name: str) -> str | Meaning | None:
        found = self.within(name)
        if found is not None:
            return found
        if name in self.source.names:
            return origin(self.source.names[name], self.plan.sources)
        return None

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id == "__name__" and not isinstance(node.ctx, ast.Store):
            # of what passes the name is another one
            return ast.Constant(self.source.name.replace("/", "."))
        found = self.meaning(node.id)
        if isinstance(found, str):
            node.id = found
        elif isinstance(found, Own):
            # a file of its own is loaded where the function says so
            late = self.within(node.id) is not None and self.late(found)
            return self.own(found, node.ctx, late=late)
        return node

    def late(self, own: Own) -> bool:
        """Whether a name is in a file that is loaded by a statement within a function."""
        home = self.plan.home(own)
        return home != self.here and (home == own.file or home.startswith(SELDOM))

    def own(self, own: Own, context: ast.expr_context, *, late: bool = False) -> ast.expr:
        if isinstance(context, ast.Load) and self.plan.constant(own):
            return literal(self.plan.sources[own.file].constants[own.name])
        if own == CONST:
            return ast.Name(CONST.name, context)
        if own not in self.plan.tops:
            raise BoardError(f"{self.source.name}.py: {own.file}.py has nothing that is called {own.name}")
        if self.plan.home(own) != self.here and not late:
            self.needs.add((self.here, own))
        return ast.Name(self.plan.tops[own], context)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        found = self.meaning(node.value.id) if isinstance(node.value, ast.Name) else None
        if isinstance(found, Outside):
            return node
        if isinstance(found, File):
            own = origin(Own(found.file, node.attr), self.plan.sources)
            if isinstance(own, Own) and own.name in self.plan.sources[own.file].names:
                if self.plan.home(own) != self.here and not self.plan.constant(own):
                    return ast.Attribute(node.value, self.plan.tops[own], node.ctx)
                return self.own(own, node.ctx)
            return node
        node.value = self.visit(node.value)
        node.attr = self.plan.attributes.get(node.attr, node.attr)
        return node

    # Imports

    def imports(self, node: ast.stmt) -> list[ast.stmt]:
        """What of an import is left."""
        made: list[ast.stmt] = []
        if isinstance(node, ast.Import):
            return [node]
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            first = taken(self.source, node, alias, self.plan.sources)
            found = origin(first, self.plan.sources)
            name = alias.asname or alias.name
            if not self.functions and self.source.names.get(name) == Own(self.source.name, name):
                made.append(self.named(node, alias, found))
            elif isinstance(first, Own) and isinstance(found, Outside):
                raise BoardError(
                    f"{self.source.name}.py: {alias.name} is none of {first.file}.py's own: import it from where that has it"
                )
            elif isinstance(found, Outside):
                made.append(ast.ImportFrom(node.module, [alias], node.level))
            elif isinstance(found, File):
                if found.file in self.plan.passing:
                    made.append(
                        ast.Assign([ast.Name(alias.asname or alias.name, ast.Store())], self.load(found.file))
                    )
                elif self.plan.home(Own(found.file, "")) == found.file != PACKAGE:
                    made.append(ast.ImportFrom(found.file.split("/")[0], [alias], 0))
            elif self.functions and self.late(found) and not self.plan.constant(found):
                # loaded when it is needed, from a file of its own
                home = self.plan.home(found)
                if home in self.plan.passing:
                    taken_from = ast.Attribute(self.load(home), self.plan.tops[found], ast.Load())
                    made.append(ast.Assign([ast.Name(self.plan.tops[found], ast.Store())], taken_from))
                    continue
                module = self.plan.home(found).replace("/", ".")
                made.append(ast.ImportFrom(module, [ast.alias(self.plan.tops[found])], 0))
                if self.plan.home(found).startswith(SELDOM):
                    # the package has both; another file may have neither
                    names = "" if self.here == PACKAGE else "import canbean, sys\n"
                    made += ast.parse(f'{names}del sys.modules["{module}"], {module}').body
        return made

    def load(self, file: str) -> ast.Call:
        """A file whose code passes, loaded."""
        return ast.Call(self.own(LOAD, ast.Load()), [ast.Constant(file)], [])

    def named(self, node: ast.ImportFrom, alias: ast.alias, found: Meaning) -> ast.stmt:
        """An import at the top of a file, of what is then a name of the file itself: that of a `try` may come from elsewhere too."""
        name = self.plan.tops[Own(self.source.name, alias.asname or alias.name)]
        if isinstance(found, Own):
            if self.plan.home(found) == self.here or self.plan.constant(found):
                return ast.Assign([ast.Name(name, ast.Store())], self.own(found, ast.Load()))
            module = self.plan.home(found).replace("/__init__", "").replace("/", ".")
            return ast.ImportFrom(module, [ast.alias(self.plan.tops[found], name)], 0)
        return ast.ImportFrom(node.module, [ast.alias(alias.name, name)], node.level)

    def visit_Delete(self, node: ast.Delete) -> ast.stmt | None:
        """What passes has no names that would have to go."""
        gone = {text for file in self.plan.passing for text in _names_of(file)}
        left = [one for one in node.targets if ast.unparse(one) not in gone]
        return ast.Delete([self.visit(one) for one in left]) if left else None

    def visit_Try(self, node: ast.Try) -> ast.Try | list[ast.stmt]:
        self.trying += 1
        node.body = self.block(node.body)
        node.handlers = [self.visit_ExceptHandler(one) for one in node.handlers]
        node.orelse = self.block(node.orelse) if node.orelse else []
        node.finalbody = self.block(node.finalbody) if node.finalbody else []
        self.trying -= 1
        if not node.handlers and all(isinstance(one, ast.Pass) for one in node.finalbody):
            # nothing is left that had to be done in any case
            return node.body
        return node

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        return self.imports(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        return self.imports(node)

    # What gives names

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | None:
        if not self.functions and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            own = Own(self.source.name, node.targets[0].id)
            if self.plan.constant(own):
                return None
        self.generic_visit(node)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt | None:
        if not self.functions:
            own = Own(self.source.name, node.name)
            if own == CONST:
                return None
            node.name = self.plan.tops[own]
        else:
            found = self.meaning(node.name)
            assert isinstance(found, str)
            node.name = found
        return self.function(node)

    def function(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.args.defaults = [self.visit(one) for one in node.args.defaults]
        self.enter(node.args, node.body)
        node.body = self.block(node.body)
        self.leave()
        return node

    def enter(self, arguments: ast.arguments, body: Iterable[ast.stmt]) -> None:
        if not self.functions:
            self.free = chain(self.plan.arguments, (name for name in pool() if len(name) < 3))
            self.number = 0
        names: dict[str, str | Meaning] = {}
        given = arguments.args + [one for one in (arguments.vararg, arguments.kwarg) if one]
        assert not arguments.kwonlyargs
        assert not arguments.posonlyargs
        for one in given:
            names[one.arg] = (
                one.arg if one.arg in self.plan.keywords or one.arg == "self" else next(self.free)
            )
            one.arg = str(names[one.arg])
        for name in bound(body):
            if name not in names:
                names[name] = self.local()
        for inner in statements(body):
            if isinstance(inner, (ast.Import, ast.ImportFrom)):
                names.update(imported(self.source, inner, self.plan.sources))
        self.functions.append(names)

    def local(self) -> str:
        self.number += 1
        return f"v{self.number}"

    def leave(self) -> None:
        self.functions.pop()

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for one in body:
            found = self.visit(one)
            if isinstance(found, list):
                made += found
            elif found is not None:
                made.append(found)
        return made or [ast.Pass()]

    def visit_If(self, node: ast.If) -> ast.stmt | None:
        node.test = self.visit(node.test)
        node.body = self.block(node.body)
        node.orelse = self.block(node.orelse) if node.orelse else []
        if not node.orelse and all(isinstance(one, ast.Pass) for one in node.body):
            return None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        assert not self.functions
        original = node.name
        own = Own(self.source.name, original)
        node.name = self.plan.tops[own]
        node.bases = [self.visit(one) for one in node.bases]
        short = self.plan.attributes
        made: list[ast.stmt] = []
        for one in node.body:
            if isinstance(one, ast.FunctionDef):
                part = Part(self.source.name, f"{original}.{one.name}")
                one.name = short.get(one.name, one.name)
                if part in self.plan.once:
                    self.here = self.plan.home(Own(part.file, part.name))
                    self.moved.append((self.here, node.name, one.name, self.function(one)))
                    self.needs.add((self.here, own))
                elif part not in self.plan.never:
                    made.append(self.function(one))
                self.here = self.plan.home(own)
            else:
                names: dict[str, str | Meaning] = {name: short.get(name, name) for name in bound(node.body)}
                self.functions.append(names)
                made.append(self.visit(one))
                self.functions.pop()
        node.body = made or [ast.Pass()]
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        node.args.defaults = [self.visit(one) for one in node.args.defaults]
        self.enter(node.args, [])
        node.body = self.visit(node.body)
        self.leave()
        return node

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> ast.expr:
        node.generators[0].iter = self.visit(node.generators[0].iter)
        if not self.functions:
            self.number = 0
        names: dict[str, str | Meaning] = {}
        for one in node.generators:
            for inner in ast.walk(one.target):
                if isinstance(inner, ast.Name):
                    names[inner.id] = self.local()
        self.functions.append(names)
        for number, one in enumerate(node.generators):
            one.target = self.visit(one.target)
            if number:
                one.iter = self.visit(one.iter)
            one.ifs = [self.visit(test) for test in one.ifs]
        if isinstance(node, ast.DictComp):
            node.key, node.value = self.visit(node.key), self.visit(node.value)
        else:
            node.elt = self.visit(node.elt)
        self.functions.pop()
        return node

    visit_ListComp = comprehension  # noqa: N815 - ast names them so
    visit_SetComp = comprehension  # noqa: N815
    visit_GeneratorExp = comprehension  # noqa: N815
    visit_DictComp = comprehension  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        if node.type:
            node.type = self.visit(node.type)
        if node.name:
            found = self.meaning(node.name)
            node.name = found if isinstance(found, str) else node.name
        node.body = self.block(node.body)
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.stmt:
        node.names = [str(self.meaning(name)) for name in node.names]
        return node

    def visit_Global(self, node: ast.Global) -> ast.stmt:
        node.names = [self.plan.tops[Own(self.source.name, name)] for name in node.names]
        return node


def writer(plan: Plan, source: Source) -> _Writer:
    """What writes the statements of a file anew."""
    return _Writer(plan, source)
