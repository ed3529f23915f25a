"""What every name in firmware/ means: annotates the trees of tools/compact.py before names are made short.

A node gets `.meaning`: a Symbol (a name at the level of a module of firmware/), a Module (one of firmware/), OUTSIDE
(imported from elsewhere), or None (local, built in, or an attribute of some object). The scopes are Python's: a
function sees its own names, those of functions around it, then those of its module; a class body's names are seen by
nobody else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


class Symbol(NamedTuple):
    module: str
    name: str


class Module(NamedTuple):
    name: str


class Outside(NamedTuple):
    """Something firmware/ does not contain."""


OUTSIDE = Outside()
Meaning = Symbol | Module | Outside | None
Scope = dict[str, Meaning]


def imported(node: ast.Import | ast.ImportFrom, modules: Iterable[str]) -> Iterator[tuple[ast.alias, str, Meaning]]:
    """(alias, local name, meaning) of what an import binds."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            target = alias.name if alias.asname else alias.name.split(".")[0]
            yield alias, alias.asname or target, Module(target) if target in modules else OUTSIDE
            continue
        local = alias.asname or alias.name
        if f"{node.module}.{alias.name}" in modules:
            yield alias, local, Module(f"{node.module}.{alias.name}")
        elif node.module in modules:
            yield alias, local, Symbol(node.module, alias.name)
        else:
            yield alias, local, OUTSIDE


def _own(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes below `body` that belong to the same scope; of inner scopes the node that makes them."""
    for node in body:
        yield node
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda, *_COMPREHENSIONS)):
            continue
        yield from _own(ast.iter_child_nodes(node))


class Scopes:
    """annotate() goes once through one module."""

    def __init__(self, name: str, tree: ast.Module, modules: Iterable[str]) -> None:
        self.name = name
        self.tree = tree
        self.modules = set(modules)
        self.globals: Scope = {}
        self.symbols: list[str] = []  # what the module itself defines, in the order of the source

    def annotate(self) -> Scopes:
        declared = {n for node in ast.walk(self.tree) if isinstance(node, ast.Global) for n in node.names}
        self.globals = self._scope(self.tree.body, top=True)
        for name in declared:
            self.globals.setdefault(name, Symbol(self.name, name))
        self.symbols = [n for n, m in self.globals.items() if m == Symbol(self.name, n)]
        for node in self.tree.body:
            self._visit(node, [])
        return self

    def _scope(self, body: Iterable[ast.AST], top: bool = False) -> Scope:
        found: Scope = {}
        nodes = list(_own(body))
        kept = {n for node in nodes if isinstance(node, ast.Global) for n in node.names}
        for node in nodes:
            names: Iterable[str] = ()
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias, local, meaning in imported(node, self.modules):
                    alias.meaning = meaning  # type: ignore[attr-defined]
                    found[local] = meaning
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                names = (node.id,)
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)) or isinstance(node, ast.ExceptHandler) and node.name:
                names = (node.name,)
            for name in names:
                if name not in kept and not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del)):
                    found[name] = Symbol(self.name, name) if top else None
        return found

    def _find(self, name: str, scopes: list[Scope]) -> Meaning:
        for scope in reversed(scopes):
            if name in scope:
                return scope[name]
        return self.globals.get(name)

    def _visit(self, node: ast.AST, scopes: list[Scope], in_class: Scope | None = None) -> None:
        """scopes: of the functions around; in_class: names of the class body whose statement this is."""
        if isinstance(node, ast.Name):
            node.meaning = None if in_class and node.id in in_class else self._find(node.id, scopes)  # type: ignore[attr-defined]
        elif isinstance(node, ast.Attribute):
            self._visit(node.value, scopes, in_class)
            node.meaning = self._attribute(node)  # type: ignore[attr-defined]
        elif isinstance(node, (ast.FunctionDef, ast.Lambda)):
            self._function(node, scopes, in_class)
        elif isinstance(node, ast.ClassDef):
            node.meaning = None if scopes else Symbol(self.name, node.name)  # type: ignore[attr-defined]
            for part in node.bases:
                self._visit(part, scopes)
            inside = self._scope(node.body)
            for part in node.body:
                self._visit(part, scopes, inside)
        elif isinstance(node, _COMPREHENSIONS):
            inner = {
                n.id: None for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)
            }  # fmt: skip
            self._visit(node.generators[0].iter, scopes, in_class)
            for child in ast.iter_child_nodes(node):
                self._visit(child, [*scopes, inner])
        else:
            if isinstance(node, (ast.Global, ast.ExceptHandler)):
                node.top = not scopes  # type: ignore[attr-defined]
            for child in ast.iter_child_nodes(node):
                self._visit(child, scopes, in_class)

    def _function(
        self, node: ast.FunctionDef | ast.Lambda, scopes: list[Scope], in_class: Scope | None
    ) -> None:
        arguments = node.args
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None:
                self._visit(default, scopes, in_class)
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        inside = self._scope(body)
        every = [*arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        inside.update((arg.arg, None) for arg in every if arg is not None)
        if isinstance(node, ast.FunctionDef):
            top = not scopes and in_class is None
            node.meaning = Symbol(self.name, node.name) if top else None  # type: ignore[attr-defined]
            for decorator in node.decorator_list:
                self._visit(decorator, scopes, in_class)
        for part in body:
            self._visit(part, [*scopes, inside])

    def _attribute(self, node: ast.Attribute) -> Meaning:
        base = getattr(node.value, "meaning", None)
        if isinstance(base, Module):
            inner = f"{base.name}.{node.attr}"
            return Module(inner) if inner in self.modules else Symbol(base.name, node.attr)
        return OUTSIDE if base is OUTSIDE and isinstance(node.value, ast.Name) else None
