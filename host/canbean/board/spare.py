"""Rewrites that say the same in fewer bytes of code, names and heap."""

from __future__ import annotations

import ast
from collections import Counter

TEXT = "text"
"""The function that reads a text from the file of texts."""
TEXTS = "texts"
"""That file, beside the model."""
_SENTENCE, _TEMPLATE = 6, 40
"""Texts from here on go into the file of texts: with a space in them, and without or as names of pairs."""
_LONG = 10
"""Texts up to here are names to MicroPython, and stored once anyway."""
_PAIRS = 3
BY_TEXT = {"getattr": 1, "hasattr": 1, "setattr": 1, "__import__": 3}
"""Functions that ask for names as text, and which of their arguments has them."""
_NAMES = "u"  # how such a constant is told from others
READER = f"""
def {TEXT}(args):
    with open("{TEXTS}", "rb") as v1:
        v1.seek(args)
        return str(v1.readline()[:-1], "ascii")
"""


class _Texts(ast.NodeTransformer):
    """Long texts of functions, moved into a file of lines; where they stood is where the file is asked for them."""

    def __init__(self) -> None:
        self.content = b""
        self.found: dict[str, int] = {}
        self.inside = 0

    def take(self, module: ast.Module) -> None:
        """Move the texts of a module."""
        self.visit(module)

    @staticmethod
    def reader() -> ast.stmt:
        """The function that reads them."""
        return ast.parse(READER).body[0]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.inside += 1
        node.body = [self.visit(one) for one in node.body]
        self.inside -= 1
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        text = node.value
        names, node.kind = node.kind == _NAMES, None
        if not self.inside or not isinstance(text, str) or "\n" in text or not text.isascii():
            return node
        if len(text) < (_SENTENCE if " " in text and not names else _TEMPLATE):
            return node
        if text not in self.found:
            self.found[text] = len(self.content)
            self.content += text.encode() + b"\n"
        return ast.Call(ast.Name(TEXT, ast.Load()), [ast.Constant(self.found[text])], [])


def texts() -> _Texts:
    """What gathers texts."""
    return _Texts()


def named_once(module: ast.Module) -> None:
    """Tuples of pairs (name, value) become one text of names and a tuple of values."""

    class Pairs(ast.NodeTransformer):
        def visit_Tuple(self, node: ast.Tuple) -> ast.expr:
            self.generic_visit(node)
            names, values = [], []
            for one in node.elts:
                if (
                    not isinstance(one, ast.Tuple)
                    or len(one.elts) != 2
                    or not isinstance(one.elts[0], ast.Constant)
                ):
                    return node
                names.append(str(one.elts[0].value))
                values.append(one.elts[1])
            if len(names) < _PAIRS or not all(
                isinstance(name, str) and name.isidentifier() for name in names
            ):
                return node
            made = ast.parse("tuple(zip('x'.split(), ()))", mode="eval").body
            assert isinstance(made, ast.Call)
            zipped = made.args[0]
            assert isinstance(zipped, ast.Call)
            split = zipped.args[0]
            assert isinstance(split, ast.Call)
            assert isinstance(split.func, ast.Attribute)
            split.func.value = ast.Constant(" ".join(names), _NAMES)
            zipped.args[1] = ast.Tuple(values, ast.Load())
            return made

    Pairs().visit(module)


def not_names(module: ast.Module) -> None:
    """Short texts of code that leaves the heap become members of tuples: those MicroPython does not keep for good as names."""

    class Apart(ast.NodeTransformer):
        def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
            return node

        def visit_Tuple(self, node: ast.Tuple) -> ast.expr:
            # of constants it is one itself
            whole = all(isinstance(one, ast.Constant) for one in node.elts)
            return node if whole else self.generic_visit(node)  # type: ignore[return-value]

        def visit_Call(self, node: ast.Call) -> ast.expr:
            asks = isinstance(node.func, ast.Name) and node.func.id in (*BY_TEXT, "const")
            return node if asks else self.generic_visit(node)  # type: ignore[return-value]

        def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
            # a key is a name that an object has already
            node.value = self.visit(node.value)
            if not isinstance(node.slice, ast.Constant):
                node.slice = self.visit(node.slice)
            return node

        def visit_Constant(self, node: ast.Constant) -> ast.expr:
            if not isinstance(node.value, str) or not 0 < len(node.value) <= _LONG:
                return node
            return ast.Subscript(ast.Tuple([node], ast.Load()), ast.Constant(0), ast.Load())

    Apart().visit(module)


def shared(module: ast.Module) -> ast.Module:
    """Long texts and tuples of constants that stand twice become one constant."""

    def worth(node: ast.AST) -> bool:
        if isinstance(node, ast.Tuple):
            return len(node.elts) > 0 and all(
                isinstance(one, ast.Constant) or worth(one) for one in node.elts
            )
        return (
            isinstance(node, ast.Constant)
            and isinstance(node.value, (str, bytes))
            and len(node.value) > _LONG
        )

    counts = Counter(ast.unparse(node) for node in ast.walk(module) if worth(node))
    names = {text: f"_{i}" for i, text in enumerate(text for text, count in counts.items() if count > 1)}
    used: dict[str, ast.expr] = {}

    class Share(ast.NodeTransformer):
        def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
            return node

        def generic_visit(self, node: ast.AST) -> ast.AST:
            if worth(node) and isinstance(node, ast.expr) and ast.unparse(node) in names:
                text = ast.unparse(node)
                used[text] = node
                return ast.Name(names[text] + "_", ast.Load())
            return super().generic_visit(node)

    Share().visit(module)
    first: list[ast.stmt] = [
        ast.Assign(
            [ast.Name(names[text] + "_", ast.Store())], ast.Call(ast.Name("const", ast.Load()), [node], [])
        )
        for text, node in used.items()
    ]
    at = 0
    while at < len(module.body) and isinstance(module.body[at], (ast.Import, ast.ImportFrom)):
        at += 1
    module.body[at:at] = first
    return module
