"""`make size`: what firmware/ takes on a device, in bytes: its files, and the heap of the running program.

Files: the .mpy (mpy-cross -O3) after tools/compact.py (0: merged into another) and without it; functions in it; how
many of them need more than 11 words of state, which MicroPython takes from the heap at each call. Heap: tools/heap.py,
and tools/heap_rom.py for a ROMFS.
`make size ARGS=--calls` names the large functions instead of measuring the heap.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import heap
import heap_rom
import mpyfile

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import mp


def table(sizes: dict[str, int], plain: dict[str, int], found: dict[str, list[mpyfile.Function]]) -> Iterable[str]:
    """The lines to print: one per module, a sum per package and one for everything."""
    yield f"{'module':<44}{'.mpy bytes':>12}{'as it is':>11}{'functions':>11}{'state on heap':>15}"
    sums: dict[str, list[int]] = {}
    for name in sorted({*sizes, *plain}):
        functions = found.get(name, [])
        row = [sizes.get(name, 0), plain.get(name, 0), len(functions), sum(f.on_heap for f in functions)]
        yield line(name, row)
        for group in (name.split("/")[0] + "/" if "/" in name else "", "all"):
            if group:
                sums[group] = [a + b for a, b in zip(sums.get(group, [0, 0, 0, 0]), row, strict=True)]
    yield ""
    for group in sorted(sums, key=lambda g: (g == "all", g)):
        yield line(group, sums[group])


def line(name: str, row: list[int]) -> str:
    return f"{name:<44}{row[0]:>12}{row[1]:>11}{row[2]:>11}{row[3]:>15}"


def calls(found: dict[str, list[mpyfile.Function]]) -> Iterable[str]:
    """Functions whose calls take heap, the largest state first."""
    yield ""
    yield f"calls with more than {mpyfile.STATE_WORDS_ON_STACK} words of state (3 per try or with):"
    every = [(f.words, f"{name}: {f.name}") for name, functions in found.items() for f in functions if f.on_heap]
    for words, name in sorted(every, key=lambda entry: (-entry[0], entry[1])):
        yield f"{words:>6}  {name}"


def compiled(plain: bool = False) -> tuple[dict[str, int], dict[str, list[mpyfile.Function]]]:
    """(sizes, functions) of all files; plain: without tools/compact.py, so with the names of the sources."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = heap.compile_device(Path(folder), plain)
        return sizes, {
            name: mpyfile.functions((Path(folder) / name).with_suffix(".mpy").read_bytes()) for name in sizes
        }


def main(arguments: list[str]) -> None:
    if arguments not in ([], ["--calls"]):
        sys.exit("usage: make size [ARGS=--calls]")
    program, reason = mp.mpy_cross_path()
    if program is None:
        sys.exit(f"sizes cannot be measured: {reason}")
    plain, full_names = compiled(plain=True)
    sizes, found = compiled()
    print("\n".join(table(sizes, plain, found)))
    if arguments:
        print("\n".join(calls(full_names)))
        return
    program, reason = mp.wasm_micropython()
    if program is None:
        sys.exit(f"the heap cannot be measured: {reason}")
    print()
    for text in heap.lines():
        print(text, flush=True)
    program, reason = mp.unix_micropython()
    print()
    for text in heap_rom.lines() if program else [f"ROMFS cannot be measured: {reason}"]:
        print(text, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
