"""What goes wrong on real lines, on request: lost and flipped bytes, late answers, echoes, silence, junk."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from .modbus import READ

KINDS = {
    "drop": "lose `amount` bytes of an answer (1), or each byte with probability `each`",
    "corrupt": "flip `amount` bits of an answer (1), or one bit of each byte with probability `each`",
    "truncate": "cut `amount` bytes off the end of an answer (100)",
    "no_ack": "leave out the 8-byte ack behind the frame",
    "padding": "put a 00 before and after the ack: answers of 310 bytes, as some adapters give",
    "noise": "`amount` random bytes in front of an answer (16)",
    "insert": "`amount` random bytes somewhere inside an answer (1)",
    "delay": "answer `amount` ms later (500)",
    "silence": "do not answer at all",
    "echo": "the adapter hands the last `amount` bytes of each request back to the host (11)",
    "deaf": "requests lose `amount` bytes on their way to the packs (1)",
}
WRITE_KINDS = {
    "ignored": "ack a write and change nothing (RS485-2 of firmware 15.41, by one report)",
    "late_effect": "ack a write and keep the old value for `amount` ms more (2000)",
    "other_value": "store another value than was asked for, less by `amount` (1)",
    "refuse": "answer a write with exception `amount` (3)",
    "reboot": "ack a write, then start again: silent for `amount` ms (8000); with 'ignored' the value is lost",
    "ghost": "a settings frame from before the write comes once more, `amount` ms after it (300)",
}
"""Troubles with writes and commands; requests for a frame are none."""

SORTS = ("live", "settings", "about", "read", "ack", "exception")
_AMOUNTS = {
    "truncate": 100, "noise": 16, "delay": 500, "echo": 11, "late_effect": 2000, "refuse": 3, "reboot": 8000,
    "ghost": 300,
}
_ON_REQUEST = ("echo", "deaf")
_ACK = 8
_UNIT = 308


class Fault:
    """One kind of trouble, when and how often it strikes.

    kind: a key of KINDS or WRITE_KINDS; address: one pack, or None for every pack (echo and deaf concern the whole
    line); amount, each: see there; rate: probability that one answer or write is struck (1.0); count: strike at most so
    often; start, stop: line seconds between which it may strike; only: the one sort of answer (of SORTS) it strikes;
    register: the one register whose writes a kind of WRITE_KINDS strikes. `struck` counts strikes; cancel() ends it.
    Raises ValueError for a kind or value that makes no sense.
    """

    def __init__(
        self,
        kind: str,
        address: int | None = None,
        *,
        amount: int | None = None,
        each: float | None = None,
        rate: float = 1.0,
        count: int | None = None,
        start: float = 0.0,
        stop: float | None = None,
        only: str | None = None,
        register: int | None = None,
    ) -> None:
        if kind not in KINDS and kind not in WRITE_KINDS:
            raise ValueError(f"fault {kind!r} is unknown; choose one of {', '.join([*KINDS, *WRITE_KINDS])}")
        if address is not None and kind in _ON_REQUEST:
            raise ValueError(f"fault {kind!r} concerns the whole line, it cannot be given a pack")
        if not 0 <= rate <= 1 or not 0 <= (each or 0) <= 1:
            raise ValueError(f"fault {kind!r}: rate and each are probabilities from 0 to 1")
        if each is not None and kind not in ("drop", "corrupt"):
            raise ValueError(f"fault {kind!r} does not know 'each'; only drop and corrupt work byte by byte")
        self.amount = _AMOUNTS.get(kind, 1) if amount is None else amount
        if self.amount < 0:
            raise ValueError(f"fault {kind!r}: amount cannot be negative")
        if only is not None and (only not in SORTS or kind in WRITE_KINDS or kind in _ON_REQUEST):
            raise ValueError(f"fault {kind!r}: 'only' names an answer that is struck: {', '.join(SORTS)}")
        if kind == "refuse" and not 1 <= self.amount <= 0xFF:
            raise ValueError(f"fault 'refuse': {self.amount} is no exception code; give 1 to 255, usually 2 or 3")
        if register is not None and kind not in WRITE_KINDS:
            raise ValueError(f"fault {kind!r} does not know 'register'; only {', '.join(WRITE_KINDS)} concern writes")
        self.kind = kind
        self.address = address
        self.each = each
        self.rate = rate
        self.count = count
        self.start = start
        self.stop = stop
        self.only = only
        self.register = register
        self.struck = 0

    def __repr__(self) -> str:
        return f"Fault({self.kind!r}, address={self.address}, struck={self.struck})"

    def cancel(self) -> None:
        """No strike from now on."""
        self.count = self.struck

    def strikes(
        self, seconds: float, address: int | None, on: str, random: Random, about: str | int | None = None
    ) -> bool:
        """Whether it strikes at `seconds` of the line.

        on: "answer" of pack `address` (about: its sort), "write" to it (about: the register), or "request" on the line.
        """
        if on != ("write" if self.kind in WRITE_KINDS else "request" if self.kind in _ON_REQUEST else "answer"):
            return False
        wanted = self.register if self.only is None else self.only
        if wanted is not None and wanted != about:
            return False
        if self.address is not None and self.address != address:
            return False
        if seconds < self.start or (self.stop is not None and seconds >= self.stop):
            return False
        if self.count is not None and self.struck >= self.count:
            return False
        if self.rate < 1 and random.random() >= self.rate:
            return False
        self.struck += 1
        return True

    def apply(self, unit: bytes, random: Random) -> tuple[bytes, float]:
        """(what is left of `unit`, ms of extra delay)."""
        if self.kind == "delay":
            return unit, self.amount
        return _DAMAGES[self.kind](self, unit, random), 0

    def _drop(self, unit: bytes, random: Random) -> bytes:
        if self.each is not None:
            return bytes(byte for byte in unit if random.random() >= self.each)
        left = bytearray(unit)
        for _ in range(min(self.amount, len(left))):
            del left[random.randrange(len(left))]
        return bytes(left)

    def _corrupt(self, unit: bytes, random: Random) -> bytes:
        bent = bytearray(unit)
        if self.each is not None:
            for i in range(len(bent)):
                if random.random() < self.each:
                    bent[i] ^= 1 << random.randrange(8)
            return bytes(bent)
        for bit in random.sample(range(8 * len(bent)), min(self.amount, 8 * len(bent))):
            bent[bit // 8] ^= 1 << bit % 8
        return bytes(bent)

    def _truncate(self, unit: bytes, random: Random) -> bytes:
        return unit[: max(0, len(unit) - self.amount)]

    def _no_ack(self, unit: bytes, random: Random) -> bytes:
        return unit[:-_ACK] if len(unit) == _UNIT else unit

    def _padding(self, unit: bytes, random: Random) -> bytes:
        return unit[:-_ACK] + b"\0" + unit[-_ACK:] + b"\0" if len(unit) == _UNIT else unit

    def _noise(self, unit: bytes, random: Random) -> bytes:
        return random.randbytes(self.amount) + unit

    def _insert(self, unit: bytes, random: Random) -> bytes:
        at = random.randrange(len(unit) + 1)
        return unit[:at] + random.randbytes(self.amount) + unit[at:]

    def _silence(self, unit: bytes, random: Random) -> bytes:
        return b""


_DAMAGES = {
    "drop": Fault._drop, "deaf": Fault._drop, "corrupt": Fault._corrupt, "truncate": Fault._truncate,
    "no_ack": Fault._no_ack, "padding": Fault._padding, "noise": Fault._noise, "insert": Fault._insert,
    "silence": Fault._silence,
}


def sort_of(unit: bytes) -> str:
    """Which of SORTS a pack's answer is; a preset's settings frame counts as one."""
    if unit[:2] == b"\x55\xaa" and len(unit) > 5:
        return {1: "settings", 2: "live"}.get(unit[4], "about")
    if len(unit) == 5:
        return "exception"
    return "read" if unit[1:2] == bytes((READ,)) else "ack"


def parse_fault(text: str, make: Callable[..., Any] = Fault) -> tuple[str, int | None, dict[str, Any]]:
    """(kind, address, how) from the command line's form: KIND[=AMOUNT][,pack=N][,rate=R][,each=R][,count=N]
    [,after=SECONDS][,until=SECONDS][,only=SORT][,register=0xNNNN]. make: the class that judges it. Raises ValueError
    with a sentence."""
    head, *rest = text.split(",")
    kind, _, amount = head.strip().partition("=")
    address: int | None = None
    how: dict[str, Any] = {}
    names: dict[str, tuple[str | None, Callable[[str], Any]]] = {
        "rate": ("rate", float), "each": ("each", float), "count": ("count", int),
        "after": ("start", float), "until": ("stop", float), "pack": (None, int), "only": ("only", str),
        "register": ("register", lambda text: int(text, 0)),
    }
    try:
        if amount:
            how["amount"] = int(amount)
        for part in rest:
            key, _, value = part.strip().partition("=")
            if key not in names:
                raise ValueError(f"--fault {text}: {key!r} is unknown; allowed are {', '.join(names)}")
            name, convert = names[key]
            if name is None:
                address = convert(value)
            else:
                how[name] = convert(value)
    except ValueError as error:
        if str(error).startswith("--fault"):
            raise
        example = "an example: drop=3,pack=2,rate=0.1"
        raise ValueError(f"--fault {text}: a number cannot be read; {example}") from None
    try:
        make(kind, address, **how)
    except ValueError as error:
        raise ValueError(f"--fault {text}: {error}") from None
    return kind, address, how
