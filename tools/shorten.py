"""Short names for the whole of firmware/, and modules that are always loaded together merged into one file.

Every name of an attribute, function, global or keyword stays in a device's memory for ever, once per spelling; every
module has a dict, a table of its names and three names of its own; every import is an entry of a dict. So:
  * modules that another one imports at its top are put into one file with it (FILES). Names of one file that others
    use are one set; all other globals are counted anew in every file;
  * an attribute gets the same short name everywhere. Two may share one when no class, with those it inherits from,
    has both: nothing ever asks an object for an attribute of another class (hasattr and getattr name it by a text);
  * names that somebody outside knows stay: see outside.py.
What could break this is refused with a CompactError. Tracebacks are read with names().
"""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import string
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from outside import BUILT_IN, CompactError, forgotten, known_outside, refuse
from rewrite import Writer, class_names, frequent_first
from scopes import Module, Scopes, Symbol, imported

# The first of each is the name of the file; it and what it imports at its top are in it.
FILES = (
    ("jkcore.bridge",),
    ("jkcore.rs485",),
    ("jkcore.canbus", "jkcore.canpack"),
    ("jkdevice.loop", "jkdevice.console", "jkdevice.mqtt"),
)
class Shortener:
    """trees: of all modules, by name; they are changed. files() gives the new ones."""

    def __init__(self, trees: dict[str, ast.Module], packages: set[str], files: tuple[tuple[str, ...], ...] = FILES):
        self.trees = trees
        self.packages = packages
        self.scopes = {name: Scopes(name, tree, trees).annotate() for name, tree in trees.items()}
        for name, tree in trees.items():
            refuse(name, tree)
        self.kept = {"main", "launcher"} | self._values()
        self.outside = known_outside(trees.values())
        self.file_of = {name: name for name in trees}
        self.members: dict[str, list[str]] = {}
        for entries in files:
            self._gather(entries)
        for name in trees:
            self.members.setdefault(self.file_of[name], [name])
        self._refuse_texts()
        self.identifiers = _identifiers(trees.values()) | set(keyword.kwlist) | set(dir(builtins))
        self.attributes = self._shorten_attributes()
        for name, tree in trees.items():
            self._refuse_missing(name, tree)
        self.keywords = self._shorten_keywords()
        self.globals = self._shorten_globals()

    # what is merged

    def _values(self) -> set[str]:
        """Modules that are handed around as objects: how their names are used nobody can see."""
        found = set()
        for tree in self.trees.values():
            bases = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
            for node in ast.walk(tree):
                meaning = getattr(node, "meaning", None)
                if not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Del) or id(node) in bases:
                    continue
                if isinstance(meaning, Module):
                    found.add(meaning.name)
        return found

    def _top_imports(self, name: str) -> Iterator[str]:
        for node in self.trees[name].body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for _, _, meaning in imported(node, self.trees):
                    if isinstance(meaning, Module):
                        yield meaning.name
                    elif isinstance(meaning, Symbol):
                        yield meaning.module

    def _gather(self, entries: tuple[str, ...]) -> None:
        """Give the entries, and all they import at their tops that has no file yet, one file."""
        entries = tuple(name for name in entries if name in self.trees)
        out = forgotten(self.trees.values())
        order: list[str] = []
        path: list[str] = []

        def add(name: str) -> None:
            if name in order or name in path or self.file_of[name] != name or name in self.members:
                return
            if name in self.packages or name in self.kept:
                return
            if name in out:
                return
            path.append(name)
            for other in self._top_imports(name):
                add(other)
            path.pop()
            order.append(name)

        for name in entries:
            add(name)
        if order:
            for name in order:
                self.file_of[name] = entries[0]
            self.members[entries[0]] = order

    def _refuse_texts(self) -> None:
        merged = {name for name, file in self.file_of.items() if name != file}
        for name, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and node.value in merged:
                    raise CompactError(f"{name}: {node.value} is named in a text, and has become part of another file")

    # attributes

    def _families(self) -> dict[Symbol, set[str]]:
        """Attributes of every class, together with those of the classes it inherits from or that inherit from it."""
        own: dict[Symbol, set[str]] = {}
        parent: dict[Symbol, Symbol] = {}

        def root(symbol: Symbol) -> Symbol:
            while symbol in parent:
                symbol = parent[symbol]
            return symbol

        for name, tree in self.trees.items():
            for node in ast.walk(tree):
                if not isinstance(node, ast.ClassDef):
                    continue
                here = Symbol(name, node.name)
                own[here] = class_names(node)
        for tree in self.trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef) and isinstance(here := node.meaning, Symbol):  # type: ignore[attr-defined]
                    for base in node.bases:
                        meaning = getattr(base, "meaning", None)
                        if isinstance(meaning, Symbol) and root(here) != root(meaning):
                            parent[root(here)] = root(meaning)
        families: dict[Symbol, set[str]] = defaultdict(set)
        for symbol, names in own.items():
            families[root(symbol)] |= names
        return dict(families)

    def _uses(self) -> Counter[str]:
        """How often each attribute that belongs to an object of firmware/, or might, is named."""
        uses: Counter[str] = Counter()
        for tree in self.trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and node.meaning is None:  # type: ignore[attr-defined]
                    uses[node.attr] += 1
        return uses

    def _shorten_attributes(self) -> dict[str, str]:
        families = list(self._families().values())
        uses = self._uses()
        known = set().union(*families) if families else set()
        stored = {
            n.attr for tree in self.trees.values() for n in ast.walk(tree)
            if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and n.meaning is None  # type: ignore[attr-defined]
        }  # fmt: skip
        outside = self.outside | {s for m in self.kept if m in self.scopes for s in self.scopes[m].symbols}
        wanted = [n for n in known | stored if n not in outside and not n.startswith("__")]
        wanted.sort(key=lambda name: (-uses[name], name))
        # A new name must not be that of an attribute that keeps its own, in any class: it would be one name for two.
        taken: list[set[str]] = [{n for n in known | stored if n in outside} for _ in families]
        short: dict[str, str] = {}
        for name in wanted:
            # What no class is seen to have may be on any object.
            among = [t for f, t in zip(families, taken, strict=True) if name in f or name not in known]
            new = next(c for c in _letters() if all(c not in t for t in among))
            short[name] = new
            for names in among:
                names.add(new)
        return short

    def _refuse_missing(self, name: str, tree: ast.Module) -> None:
        """Whoever waits for an AttributeError asks objects for what they may not have."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Try) and "AttributeError" in ast.unparse(ast.Module(list(node.handlers), [])):
                for inner in node.body:
                    for word in ast.walk(inner):
                        if isinstance(word, ast.Attribute) and word.attr in self.attributes:
                            raise CompactError(f"{name}: waits for an AttributeError of .{word.attr}")

    # parameters that calls name

    def _shorten_keywords(self) -> dict[str, str]:
        """Only those whose every call is one of a function of firmware/."""
        parameters = {
            a.arg for tree in self.trees.values() for n in ast.walk(tree) if isinstance(n, ast.arguments)
            for a in [*n.args, *n.kwonlyargs]
        }  # fmt: skip
        ours: Counter[str] = Counter()
        for tree in self.trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    meaning = getattr(node.func, "meaning", None)
                    known = isinstance(meaning, Symbol) and meaning.module not in self.kept
                    for word in node.keywords:
                        ours[word.arg or ""] += 1 if known else -1_000_000
        names = sorted(n for n, count in ours.items() if count > 0 and n in parameters and n not in self.outside)
        free = (c for c in _pairs() if c not in self.identifiers)
        return dict(zip(names, free, strict=False))

    # globals

    def _shorten_globals(self) -> dict[tuple[str, object], str]:
        """(file, symbol or module) -> name in that file."""
        shared: Counter[object] = Counter()
        local: dict[str, Counter[object]] = defaultdict(Counter)
        for name, tree in self.trees.items():
            file = self.file_of[name]
            local[file].update({Symbol(name, symbol): 0 for symbol in self.scopes[name].symbols})
            for node in ast.walk(tree):
                meaning = getattr(node, "meaning", None)
                if isinstance(meaning, Symbol) and meaning.module in self.trees:
                    local[self.file_of[meaning.module]][meaning] += 1
                    if self.file_of[meaning.module] != file:
                        shared[meaning] += 1
                        shared[Module(self.file_of[meaning.module])] += 1
                elif isinstance(meaning, Module):
                    shared[Module(self.file_of[meaning.name])] += 1
        free = [c for c in _pairs() if c not in self.identifiers and c not in self.keywords.values()]
        found: dict[tuple[str, object], str] = {}
        names = iter(free)
        common = {m: self._fixed(m) or next(names) for m, _ in sorted(shared.items(), key=lambda e: (-e[1], str(e[0])))}
        rest = list(names)
        for file, symbols in local.items():
            names = iter(rest)
            for symbol, _ in sorted(symbols.items(), key=lambda e: (-e[1], str(e[0]))):
                found[file, symbol] = common.get(symbol) or self._fixed(symbol) or next(names)
            found.update(((file, m), short) for m, short in common.items())
        self._refuse_twins(found)
        return found

    def _fixed(self, meaning: object) -> str:
        """The name of a global that must not change, or nothing."""
        if isinstance(meaning, Symbol) and (meaning.module in self.kept or meaning.name in self.outside
                                            or meaning.name.startswith("__")):
            return meaning.name
        return ""

    def _refuse_twins(self, found: dict[tuple[str, object], str]) -> None:
        for file, members in self.members.items():
            seen: dict[str, object] = {}
            for member in members:
                for name in self.scopes[member].symbols:
                    symbol = Symbol(member, name)
                    short = found[file, symbol]
                    if seen.setdefault(short, symbol) != symbol:
                        raise CompactError(f"{file}: {symbol} and {seen[short]} would both be {short}")

    # the result

    def files(self) -> dict[str, ast.Module]:
        """New trees by the name of their file."""
        out = {}
        for file, members in self.members.items():
            body: list[ast.stmt] = []
            done: set[str] = set()
            for member in members:
                writer = Writer(self, file)
                for node in self.trees[member].body:
                    new = writer.visit(node)
                    if new is None:
                        continue
                    if isinstance(new, (ast.Import, ast.ImportFrom)):
                        text = ast.unparse(new)
                        if text in done:
                            continue
                        done.add(text)
                    body.append(new)
            out[file] = ast.Module(frequent_first(body), [])
        return out

    def names(self, file: str) -> dict[str, str]:
        """What a short name in a traceback of this file may have been, "a or b" where two share it."""
        back: dict[str, list[str]] = defaultdict(list)
        for member in self.members[file]:
            for symbol in self.scopes[member].symbols:
                back[self.globals[file, Symbol(member, symbol)]].append(f"{member}.{symbol}")
            for node in ast.walk(self.trees[member]):
                if isinstance(node, ast.ClassDef):
                    for name in sorted(node.names):  # type: ignore[attr-defined]
                        back[self.attributes.get(name, name)].append(f"{member}.{node.meaning.name}.{name}")  # type: ignore[attr-defined]
        return {short: " or ".join(names) for short, names in back.items()}


def _identifiers(trees: Iterable[ast.Module]) -> set[str]:
    """Names of anything that is not an attribute: none of them may be a new name of a global."""
    found: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, (ast.Name, ast.FunctionDef, ast.ClassDef)):
                found.add(node.id if isinstance(node, ast.Name) else node.name)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.alias):
                found.update((node.name, node.asname or ""))
            elif isinstance(node, ast.ExceptHandler):
                found.add(node.name or "")
    return found


def _letters() -> Iterator[str]:
    yield from BUILT_IN
    yield from string.ascii_lowercase
    yield from _pairs()


def _pairs() -> Iterator[str]:
    yield from BUILT_IN
    first = string.ascii_lowercase + string.ascii_uppercase
    for a, b in itertools.product(first, first):
        if not keyword.iskeyword(a + b):
            yield a + b
