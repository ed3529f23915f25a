"""Reads firmware sources as syntax trees and says what breaks the house's rules (tests/test_dialect.py).

Every check takes a source text and yields complaints as "line N: sentence". Measured facts behind them: what
does not exist on MicroPython 1.24 to 1.29, and that a function with ten or more locals takes its state from
the heap at each call.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

ABSENT_MODULES = {
    "typing", "enum", "dataclasses", "abc", "contextlib", "logging", "__future__", "functools", "itertools",
    "pathlib", "subprocess", "threading", "queue", "argparse", "decimal", "fractions", "statistics",
}  # fmt: skip
ABSENT_ATTRIBUTES = {
    "bit_count": "int.bit_count",
    "removeprefix": "removeprefix",
    "removesuffix": "removesuffix",
    "cast": "memoryview.cast",
    "Struct": "struct.Struct",
    "monotonic": "time.monotonic",
}
CORE_MAY_IMPORT = {"jkcore", "micropython", "binascii", "array", "sys"}  # built into both interpreters
CORE_MAY_NOT_NAME = {"float", "print", "open", "input", "eval", "exec", "complex"}
PIN_KEYWORDS = {
    "tx",
    "rx",
    "rts",
    "cts",
    "txd",
    "rxd",
    "sck",
    "mosi",
    "miso",
    "cs",
    "scl",
    "sda",
    "de",
    "re",
    "pin",
}
MOST_LOCALS = 9


def imported(node: ast.AST) -> list[str]:
    """Full names of the modules that an import statement names; relative imports stay inside their
    package.
    """
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


def imports(source: str) -> Iterator[tuple[int, str]]:
    """(line, full module name) of every import anywhere in a source."""
    for node in ast.walk(ast.parse(source)):
        for name in imported(node):
            yield node.lineno, name  # type: ignore[attr-defined]


def _dialect(node: ast.AST) -> Iterator[str]:
    for name in imported(node):
        if name.split(".")[0] in ABSENT_MODULES:
            yield f"import {name}: there is no such module on MicroPython"
    if isinstance(node, ast.Match):
        yield "match: not in MicroPython"
    elif isinstance(node, ast.TryStar):
        yield "except*: not in MicroPython"
    elif isinstance(node, ast.arguments) and node.posonlyargs:
        yield "positional-only arguments (/): not in MicroPython"
    elif isinstance(node, ast.Dict) and None in node.keys:
        yield "{**d}: not in MicroPython"
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)) and isinstance(
        getattr(node, "ctx", ast.Load()), ast.Load
    ):
        if any(isinstance(e, ast.Starred) for e in node.elts):
            yield "[*t]: not in MicroPython"
    elif isinstance(node, ast.Attribute) and node.attr in ABSENT_ATTRIBUTES:
        yield f"{ABSENT_ATTRIBUTES[node.attr]}: not in MicroPython"
    elif isinstance(node, ast.Delete):
        if any(isinstance(t, ast.Subscript) and isinstance(t.slice, ast.Slice) for t in node.targets):
            yield "del buffer[a:b]: not in MicroPython"
    elif isinstance(node, ast.Slice) and node.step is not None:
        yield "a slice with a step: not for bytes and text in MicroPython"
    elif isinstance(node, ast.Call):
        keywords = {k.arg for k in node.keywords}
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name == "print" and "flush" in keywords:
            yield "print(flush=): not in MicroPython"
        if name == "from_bytes" and ("signed" in keywords or len(node.args) > 2):
            yield "int.from_bytes(signed=): the two interpreters disagree about it"


def _core(node: ast.AST) -> Iterator[str]:
    for name in imported(node):
        if name.split(".")[0] not in CORE_MAY_IMPORT:
            allowed = ", ".join(sorted(CORE_MAY_IMPORT))
            yield f"import {name}: the core imports only {allowed}, on both interpreters"
    if isinstance(node, ast.Constant) and isinstance(node.value, (float, complex)):
        yield f"{node.value}: the core uses no float"
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
        yield "/ makes a float: the core uses // only"
    elif isinstance(node, ast.Name) and node.id in CORE_MAY_NOT_NAME:
        yield f"{node.id}: not in the core (no float, no console, no file)"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        text = node.left.value if isinstance(node.left, ast.Constant) else ""
        text = text.decode("latin-1") if isinstance(text, bytes) else text
        if isinstance(text, str) and any(part[:1] in "feg" for part in _conversions(text)):
            yield "%f, %e, %g: the core uses no float"
    elif isinstance(node, ast.FormattedValue) and node.format_spec is not None:
        for part in ast.walk(node.format_spec):
            if isinstance(part, ast.Constant) and str(part.value)[-1:] in "feg%" and part.value:
                yield "a float format in an f-string: the core uses no float"


def _conversions(text: str) -> Iterator[str]:
    """The conversion letters of a %-format, as text beginning with the letter."""
    for part in text.replace("%%", "").split("%")[1:]:
        yield part.lstrip("0123456789.+-# ").lower() or " "


def _pins(node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.Call):
        return
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name == "Pin" and node.args and _is_number(node.args[0]):
        yield "a pin number: pins are named in boards/ only"
    for keyword in node.keywords:
        if keyword.arg in PIN_KEYWORDS and _is_number(keyword.value):
            yield f"{keyword.arg}=number, a pin number: pins are named in boards/ only"


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def _walk(source: str, check) -> list[str]:  # type: ignore[no-untyped-def]
    complaints = []
    line = 1
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", line)
        complaints += [f"line {line}: {text}" for text in check(node)]
    return complaints


def dialect(source: str) -> list[str]:
    """What MicroPython does not have."""
    return _walk(source, _dialect)


def core(source: str) -> list[str]:
    """What the core may not do: other imports, floats, console, files."""
    return _walk(source, _core)


def pins(source: str) -> list[str]:
    """Pin numbers outside boards/."""
    return _walk(source, _pins)


class _Scope(ast.NodeVisitor):
    """Names that one function binds and names that it reads. A comprehension is a function of its own."""

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.read: set[str] = set()
        self.elsewhere: set[str] = set()  # declared global or nonlocal
        self.inner: list[ast.AST] = []

    def visit_Name(self, node: ast.Name) -> None:
        (self.read if isinstance(node.ctx, ast.Load) else self.bound).add(node.id)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.bound.add(node.name)
        self.inner.append(node)

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_ClassDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.inner.append(node)

    def visit_comprehension_owner(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        targets = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        for part in ast.walk(node):
            if isinstance(part, ast.NamedExpr):
                self.bound.add(part.target.id)
            elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and part.id not in targets:
                self.read.add(part.id)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_comprehension_owner

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bound.add(node.name)
        self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> None:
        self.bound.add(node.asname or node.name.split(".")[0])

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        self.elsewhere |= set(node.names)

    visit_Nonlocal = visit_Global


def locals_by_function(source: str) -> dict[str, int]:
    """{Class.function: number of arguments, local names and names of an enclosing function that it uses}."""
    found: dict[str, int] = {}

    def visit(node: ast.AST, name: str, enclosing: set[str]) -> None:
        scope = _Scope()
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.arguments):
                scope.visit(child)
        own: set[str] = set()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
            own = (scope.bound | arguments) - scope.elsewhere
            found[name] = len(own | ((scope.read | scope.elsewhere) & enclosing))
        for inner in scope.inner:
            title = getattr(inner, "name", "<lambda>")
            visit(inner, f"{name}.{title}" if name else title, enclosing | own)

    visit(ast.parse(source), "", set())
    return found
