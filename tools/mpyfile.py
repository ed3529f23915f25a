"""Reads compiled MicroPython files (.mpy, version 6): which functions are in them and how large a call's
state is.

MicroPython keeps the state of a call (locals, temporaries, exception handlers) on the C stack only up to 11
words (py/objfun.c, VM_MAX_STATE_ON_STACK); a larger one is taken from the heap at every call. Format:
MicroPython's tools/mpy-tool.py and py/bc.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

STATE_WORDS_ON_STACK = 11
WORDS_PER_HANDLER = 3  # mp_exc_stack_t on 32 bits: handler, value, previous exception
_BYTECODE = 0
_TEXT_OBJECTS = (5, 6)  # str, bytes: with a zero byte behind
_NUMBER_OBJECTS = (7, 8, 9)  # int, float, complex as text
_TUPLE_OBJECT = 10


class Function(NamedTuple):
    name: str  # of the function itself; "<module>", "<listcomp>", "<genexpr>", "<lambda>" too
    words: int  # state of one call in 32-bit words
    size: int  # bytes of bytecode with its prelude

    @property
    def on_heap(self) -> bool:
        return self.words > STATE_WORDS_ON_STACK


class MpyError(ValueError):
    """The file is not an .mpy of version 6 with bytecode in it."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 4
        self.names: list[str | None] = []

    def number(self) -> int:
        value = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                return value

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def qstr(self) -> str | None:
        """A name; None for one of those built into the interpreter, which the file knows by number only."""
        length = self.number()
        if length & 1:
            return None
        text = self.take(length >> 1).decode()
        self.at += 1
        return text

    def skip_object(self) -> None:
        kind = self.take(1)[0]
        if kind in _TEXT_OBJECTS:
            self.take(self.number() + 1)
        elif kind in _NUMBER_OBJECTS:
            self.take(self.number())
        elif kind == _TUPLE_OBJECT:
            for _ in range(self.number()):
                self.skip_object()

    def functions(self) -> Iterator[Function]:
        head = self.number()
        if head & 3 != _BYTECODE:
            raise MpyError("machine code in an .mpy: only bytecode is looked at")
        code = self.take(head >> 3)
        yield self.function(code)
        if head >> 2 & 1:
            for _ in range(self.number()):
                yield from self.functions()

    def function(self, code: bytes) -> Function:
        """Decode the prelude, py/bc.h MP_BC_PRELUDE_SIG_DECODE: state slots S and exception handlers E are
        scattered bits.
        """
        prelude = _Reader(code)
        prelude.at = 1
        z = code[0]
        slots = z >> 3 & 0xF
        handlers = z >> 2 & 1
        n = 0
        while z & 0x80:
            z = prelude.take(1)[0]
            slots |= (z & 0x30) << 2 * n
            handlers |= (z & 2) << n
            n += 1
        prelude_size_byte = prelude.take(1)[0]
        while prelude_size_byte & 0x80:
            prelude_size_byte = prelude.take(1)[0]
        name = self.names[prelude.number()] or "(built-in name)"
        return Function(name, slots + 1 + WORDS_PER_HANDLER * handlers, len(code))


def functions(data: bytes) -> list[Function]:
    """All functions of a compiled file, the module's own code first. Raises MpyError."""
    if data[:2] != b"M\x06":
        raise MpyError("not an .mpy file of version 6")
    reader = _Reader(data)
    names, objects = reader.number(), reader.number()
    reader.names = [reader.qstr() for _ in range(names)]
    for _ in range(objects):
        reader.skip_object()
    return list(reader.functions())
