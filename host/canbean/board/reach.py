"""Which of the firmware's functions run once, at start, which later too, and which never."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from canbean.board.scopes import File, Own, Source, imported, origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True)
class Part:
    """A function at the top of a file, a method (`Class.method`), or with an empty name all else of that file."""

    file: str
    name: str


@dataclass
class _Uses:
    """What a part refers to: what it calls itself, and what it may keep or hand on for others to call later."""

    called: set[Part] = field(default_factory=set)
    kept: set[Part] = field(default_factory=set)


class Reach:
    """When the parts of joined files run.

    Attributes:
        once: parts that run only until the application stands.
        rest: those of them that run after the others.
        never: parts that nothing refers to.
        seldom: functions that may be loaded for each call, and what only they need.
    """

    def __init__(  # noqa: PLR0917 - of one caller
        self,
        sources: dict[str, Source],
        joined: Iterable[str],
        start: Own,
        later: Iterable[str],
        passing: set[str],
        named: Iterable[str],
        seldom: Iterable[Part],
        starting: Iterable[Part] = (),
        without: Iterable[Part] = (),
        finish: Own | None = None,
    ) -> None:
        """Follow every reference.

        Args:
            sources: all files.
            joined: those in question; others are taken to run at any time.
            start: the function that makes the application stand.
            later: attributes that are asked for from outside, or as text.
            passing: files that only run until the application stands.
            named: joined files that are found by name, as objects.
            seldom: functions that may be loaded for each call.
            starting: functions of files that are not joined, which run at start only.
            without: parts that this application never runs, whoever refers to them.
            finish: what runs after `start`, when what that needed has left the heap.
        """
        self.sources = sources
        self.joined = set(joined)
        self.methods: dict[str, set[Part]] = {}
        self.named = list(named)
        starting = set(starting)
        everything = {part: node for name in sorted(self.joined) for part, node in parts_of(sources[name])}
        parts = {part: node for part, node in everything.items() if part not in set(without)}
        for part in parts:
            if "." in part.name:
                self.methods.setdefault(part.name.split(".")[1], set()).add(part)
        self.uses = {part: self._uses(sources[part.file], [node]) for part, node in parts.items()}
        roots = self._everything(self._rest(name) for name in sorted(self.joined))
        first = {Part(start.file, start.name)}
        second = {Part(finish.file, finish.name)} if finish else set()
        functions = {part for part, node in parts.items() if isinstance(node, ast.FunctionDef)}
        # functions that other files ask for, which they may find in the file of what is loaded for each call
        offered: set[Part] = set()
        for name in sorted(set(sources) - self.joined - passing):
            roots |= self._named(sources[name], sources[name].tree.body)
            for node in sources[name].tree.body:
                found = self._uses(sources[name], [node])
                if isinstance(node, ast.FunctionDef) and Part(name, node.name) in starting:
                    first |= found.called
                    roots |= found.kept
                else:
                    asked = {part for part in self._everything([found]) & functions if "." not in part.name}
                    offered |= asked
                    roots |= self._everything([found]) - asked
        for name in sorted(later):
            # classes of files that are found by name, made at start
            (second or first).update({Part(file, f"{name}.__init__") for file in self.named} & set(parts))
            roots |= self.methods.get(name, set()) | {part for part in parts if part.name == name}
        for name, those in self.methods.items():
            if name.startswith("__") and name != "__init__":
                roots |= those
        for name in sorted(passing):
            (second or first).update(self._everything([self._uses(sources[name], sources[name].tree.body)]))
        while True:
            apart = (set(seldom) & set(parts)) - roots
            resident = self._closed(roots, apart)
            once = self._closed(first | second, apart | resident)
            self.rest = self._closed(second, apart | resident)
            data = {part for part in once if isinstance(parts.get(part), ast.Assign)}
            self.seldom = self._closed(apart, resident) & set(parts)
            # what the start hands on, and functions within functions, of which nobody knows how long they stay
            more = {
                part for one in once - data for part in self.uses[one].kept if not self._is_data(parts, part)
            }
            more |= {part for one in data for part in self.uses[one].called | self.uses[one].kept}
            more |= {part for part in once if _has_inner(parts[part])}
            more |= once & self.seldom
            more |= self.rest & self._closed(first, apart | resident)
            more |= offered - self.seldom
            if more <= roots:
                break
            roots |= more
        self.once = once
        self.never = set(everything) - resident - once - self.seldom

    @staticmethod
    def _is_data(parts: Mapping[Part, ast.stmt], part: Part) -> bool:
        return isinstance(parts.get(part), ast.Assign)

    def _rest(self, name: str) -> _Uses:
        source = self.sources[name]
        body: list[ast.AST] = []
        for one in source.tree.body:
            if isinstance(one, ast.ClassDef):
                body += [*one.bases, *(inner for inner in one.body if not isinstance(inner, ast.FunctionDef))]
            elif not isinstance(one, ast.FunctionDef) and datum(one) is None:
                body.append(one)
        found = self._uses(source, body)
        found.kept |= self._named(source, body)
        return found

    def _named(self, source: Source, body: Iterable[ast.AST]) -> set[Part]:
        """What is imported and becomes a name of the file itself: one way or another, in a `try`, or for others."""
        found: set[Part] = set()
        for node in [node for part in body for node in ast.walk(part) if isinstance(node, ast.ImportFrom)]:
            for name, meaning in imported(source, node, self.sources).items():
                if source.names.get(name) == Own(source.name, name):
                    found |= self._part(origin(meaning, self.sources))
        return found

    @staticmethod
    def _everything(found: Iterable[_Uses]) -> set[Part]:
        return {part for uses in found for part in uses.called | uses.kept}

    def _closed(self, roots: set[Part], but: set[Part]) -> set[Part]:
        """`roots` and all that they refer to, but for some and what only those refer to."""
        done: set[Part] = set()
        todo = list(roots - but)
        while todo:
            part = todo.pop()
            if part in self.uses and part not in done:
                done.add(part)
                todo += (self.uses[part].called | self.uses[part].kept) - but
        return done

    def _uses(self, source: Source, nodes: Iterable[ast.AST]) -> _Uses:
        found = _Uses()
        nodes = list(nodes)
        names = dict(source.names)
        for node in nodes:
            for inner in ast.walk(node):
                if isinstance(inner, (ast.Import, ast.ImportFrom)):
                    names.update(imported(source, inner, self.sources))
        called = {id(node.func) for top in nodes for node in ast.walk(top) if isinstance(node, ast.Call)}
        for top in nodes:
            for node in ast.walk(top):
                parts: set[Part] = set()
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
                    parts = self._part(origin(names[node.id], self.sources))
                elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                    parts = set(self.methods.get(node.attr, ()))
                    base = names.get(node.value.id) if isinstance(node.value, ast.Name) else None
                    if isinstance(base, File):
                        parts |= self._part(origin(Own(base.file, node.attr), self.sources))
                    for name in self.named:
                        if node.attr in self.sources[name].names:
                            parts |= self._part(Own(name, node.attr))
                (found.called if id(node) in called else found.kept).update(parts)
        return found

    def _part(self, meaning: object) -> set[Part]:
        if not isinstance(meaning, Own) or meaning.file not in self.joined:
            return set()
        for one in self.sources[meaning.file].tree.body:
            if isinstance(one, ast.ClassDef) and one.name == meaning.name:
                return {Part(meaning.file, one.name + ".__init__")}
        return {Part(meaning.file, meaning.name)}


def datum(node: ast.stmt) -> str | None:
    """The name that a statement gives to data, if that is all it does."""
    if not isinstance(node, ast.Assign) or any(isinstance(one, ast.Call) for one in ast.walk(node.value)):
        return None
    (target, *others) = node.targets
    return target.id if isinstance(target, ast.Name) and not others else None


def parts_of(source: Source) -> Iterator[tuple[Part, ast.FunctionDef | ast.Assign]]:
    """The functions of a file, its classes' too, and its data."""
    for one in source.tree.body:
        if isinstance(one, ast.Assign) and datum(one) is not None:
            yield Part(source.name, str(datum(one))), one
        elif isinstance(one, ast.FunctionDef):
            yield Part(source.name, one.name), one
        elif isinstance(one, ast.ClassDef):
            for inner in one.body:
                if isinstance(inner, ast.FunctionDef):
                    yield Part(source.name, f"{one.name}.{inner.name}"), inner


def _has_inner(node: ast.stmt) -> bool:
    return any(isinstance(one, (ast.FunctionDef, ast.Lambda)) for one in ast.walk(node) if one is not node)
