"""The field table for a device: its columns as jkcore.fields leaves them, instead of the calls that write the rows."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

TABLE = "jkcore.fields.table"


def fill(trees: dict[Path, ast.Module], modules: dict[str, Path], folder: Path) -> None:
    """The field table's columns as jkcore.fields leaves them, in a module that is forgotten once they are taken out
    of it: what uses them is loaded later, and may put others in their place (fields/writer.py). With that
    jkcore/fields/__init__.py has done its work. A process of its own reads them: a bridge on CAN in this one would
    have added rows."""
    code = (
        f"import json, sys; sys.path.insert(0, {str(folder)!r}); from jkcore.fields import table\n"
        "print(json.dumps({n: [getattr(v, 'typecode', ''), list(v)] for n, v in vars(table).items()"
        " if n.isupper() and type(v).__name__ in ('array', 'bytearray')}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = {n: ast.parse(_column(*c), mode="eval").body for n, c in json.loads(done.stdout).items()}
    path = modules[TABLE]
    package, _, _ = TABLE.rpartition(".")
    source = package + ".columns"
    text = f"import sys\nfrom {package} import columns\n"
    text += "".join(f"{name} = columns.{name}\n" for name in found)
    text += f"del columns, sys.modules[{source!r}]\ndelattr(sys.modules[{package!r}], 'columns')\n"
    body = [node for node in trees[path].body if not (_bound_here(node) & set(found))]
    trees[path].body[:] = ast.parse(text).body + body
    trees[modules[package]].body.clear()
    modules[source] = path.with_name("columns.py")
    rows: list[ast.stmt] = [ast.Assign([ast.Name(n, ast.Store())], value, lineno=1) for n, value in found.items()]
    trees[modules[source]] = ast.Module([*ast.parse("from array import array").body, *rows], [])


def _column(kind: str, values: list[int]) -> str:
    return f"array({kind!r}, {values})" if kind else repr(bytes(values))


def _bound_here(node: ast.stmt) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}
