"""Writes the statements of one module as they stand in its new file, with the names tools/shorten.py has chosen."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from typing import TYPE_CHECKING

from outside import CompactError
from scopes import Module, Symbol

if TYPE_CHECKING:
    from shorten import Shortener

_FIRST = 120  # the rest of 128 are names the compiler itself needs


class Writer(ast.NodeTransformer):
    """Writes one module's statements as they are in its new file."""

    def __init__(self, shortener: Shortener, file: str) -> None:
        self.s = shortener
        self.file = file

    def _short(self, meaning: object) -> str:
        return self.s.globals[self.file, meaning]

    def _alias(self, meaning: Module) -> str:
        return self._short(Module(self.s.file_of[meaning.name]))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        meaning = node.meaning  # type: ignore[attr-defined]
        if isinstance(meaning, Symbol):
            node.id = self._short(meaning)
        elif isinstance(meaning, Module):
            node.id = self._alias(meaning)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        meaning = node.meaning  # type: ignore[attr-defined]
        if isinstance(meaning, Symbol):
            if self.s.file_of[meaning.module] == self.file:
                return ast.Name(self._short(meaning), node.ctx)
            node.attr = self._short(meaning)
        elif meaning is None:
            node.attr = self.s.attributes.get(node.attr, node.attr)
        self.generic_visit(node)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        names: list[ast.alias] = []
        module = node.module
        for alias in node.names:
            meaning = alias.meaning  # type: ignore[attr-defined]
            if isinstance(meaning, Module):
                file = self.s.file_of[meaning.name]
                if file == self.file:
                    continue
                package, _, leaf = file.rpartition(".")
                if module != package and names:
                    raise CompactError(f"{self.file}: one import of modules of several files")
                module = package
                names.append(ast.alias(leaf, self._alias(meaning)))
            elif isinstance(meaning, Symbol):
                if self.s.file_of[meaning.module] != self.file:
                    module = self.s.file_of[meaning.module]
                    names.append(ast.alias(self._short(meaning)))
            else:
                names.append(alias)
        unique = {ast.unparse(alias): alias for alias in names}
        return ast.ImportFrom(module, list(unique.values()), 0) if names else None

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        for alias in list(node.names):
            meaning = alias.meaning  # type: ignore[attr-defined]
            if isinstance(meaning, Module) and self.s.file_of[meaning.name] == self.file:
                node.names.remove(alias)
            elif isinstance(meaning, Module):
                alias.name = self.s.file_of[meaning.name]
                alias.asname = self._alias(meaning)
        return node if node.names else None

    def visit_Global(self, node: ast.Global) -> ast.AST:
        raise CompactError(f"{self.file}: a function changes a global")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = self._short(node.meaning) if isinstance(node.meaning, Symbol) else node.name  # type: ignore[attr-defined]
        for arg in [*node.args.args, *node.args.kwonlyargs]:
            if arg.arg in self.s.keywords:
                _rename(node, arg.arg, self.s.keywords[arg.arg])
        node.body = node.body or [ast.Pass()]
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.names = class_names(node)  # type: ignore[attr-defined]
        loaded = {
            n.id for part in node.body for n in ast.walk(_heads(part))
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
        }  # fmt: skip
        if loaded - {"const"} - set(dir(builtins)):
            raise CompactError(f"{self.file}: the body of class {node.name} uses {min(loaded)}")
        self.generic_visit(node)
        for part in node.body:
            if isinstance(part, ast.FunctionDef):
                part.name = self.s.attributes.get(part.name, part.name)
            elif isinstance(part, ast.Assign):
                for target in part.targets:
                    if isinstance(target, ast.Name):
                        target.id = self.s.attributes.get(target.id, target.id)
        node.name = self._short(node.meaning)  # type: ignore[attr-defined]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        for word in node.keywords:
            word.arg = self.s.keywords.get(word.arg, word.arg) if word.arg else None
        return node


def _rename(scope: ast.AST, old: str, new: str) -> None:
    for node in ast.walk(scope):
        if isinstance(node, ast.Name) and node.id == old:
            node.id = new
        elif isinstance(node, ast.arg) and node.arg == old:
            node.arg = new


def _heads(node: ast.stmt) -> ast.AST:
    """What of a statement in a class body runs when the class is made."""
    if isinstance(node, ast.FunctionDef):
        return ast.Tuple([d for d in [*node.args.defaults, *node.args.kw_defaults] if d is not None], ast.Load())
    return node


def class_names(node: ast.ClassDef) -> set[str]:
    names = set()
    for part in node.body:
        if isinstance(part, ast.FunctionDef):
            names.add(part.name)
        elif isinstance(part, ast.Assign):
            names.update(t.id for t in part.targets if isinstance(t, ast.Name))
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and ast.unparse(inner.value) in ("self", "super()"):
            names.add(inner.attr)
    return names


def frequent_first(body: list[ast.stmt]) -> list[ast.stmt]:
    """A function in front that uses the most frequent names, and its removal: a file's names are numbered as they
    come, and only the first 128 numbers are one byte in the bytecode."""
    uses: Counter[str] = Counter()
    for node in ast.walk(ast.Module(body, [])):
        if isinstance(node, ast.Attribute):
            uses[node.attr] += 1
        elif isinstance(node, ast.FunctionDef):
            uses[node.name] += 2  # where it is made, and in the function itself
            uses.update(arg.arg for arg in node.args.args)
            inside = {arg.arg for arg in node.args.args}
            inside |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            uses.update(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id not in inside)
    if len(uses) <= _FIRST:
        return body
    name = max(uses, key=lambda word: uses[word])
    lines = [f"    {name}.{word}" for word, _ in uses.most_common(_FIRST)]
    return ast.parse("\n".join([f"def {name}():", *lines, f"del {name}"])).body + body
