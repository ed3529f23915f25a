"""Which battery on RS485 is which on CAN, out of what the doctor heard on both: the [[pack]] rows that fit.

The addresses tell nothing of it (protocol/can.md section 3). What tells is the run time: both buses give the seconds of
the same count, and hardly two batteries agree in them. Where it is missing, as in the older CAN protocol, charge,
voltage and cells have to do, and then a pair is no more than likely. What is not clear is not proposed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from jkbridge.clock import MASK, since
from jkbridge.doctor.report import Told
from jkcore import pack as pk
from jkcore.fields import table
from jkcore.modbus import LIVE
from jkcore.pairing import SAME, differ

_RUNTIME = "total_runtime"
_CELLS = "cell_count"
_RUNTIME_S = 10
"""The two are read a second or so apart from their time."""
_CELL_MV = 20
"""A cell against the mean of its pack; the mean itself moves with the load between the two readings."""
_MOST_CELLS = 32


class Sample(NamedTuple):
    """What one pack said on one bus. at: ms of the core; values: raw numbers by name; cells: mV."""

    address: int
    at: int
    values: dict[str, int]
    cells: tuple[int, ...]


class Pair(NamedTuple):
    """One battery, by its addresses on both buses. sure: the run time agrees; sign: the currents flow against each
    other."""

    rs485: int
    can: int
    sure: bool
    sign: bool


def samples(packs: Iterable[Any]) -> list[Sample]:
    """Of the core's packs, those whose values are known and are of one battery."""
    out = []
    for pack in packs:
        if pack.holds(LIVE) and not pack.counts[pk.DOUBLE]:
            names = [_CELLS, *(name for name, _ in SAME)]
            values = {name: value for name in names if (value := _value(pack, name)) is not None}
            cells = [_value(pack, f"cell_voltage_{n}") for n in range(1, _MOST_CELLS + 1)]
            known = tuple(value for value in cells if value is not None)
            out.append(Sample(int(pack.address), int(pack.last_live), values, known))
    return out


def _value(pack: Any, name: str) -> int | None:
    row = table.find(name, LIVE)
    return pack.scaled(row) if pack.present(row) else None


def difference(one: Sample, other: Sample) -> str:
    """Name of a field that two samples cannot disagree on if they are of one battery; "": there is none."""
    for name, near in [*SAME, (_CELLS, 1)]:
        if near and name != _RUNTIME and name in one.values and name in other.values:
            gap = one.values[name] - other.values[name]
            if gap if name == _CELLS else differ(one.values[name], other.values[name], near):
                return name
    if _RUNTIME in one.values and _RUNTIME in other.values:
        late = other.values[_RUNTIME] - one.values[_RUNTIME] - _seconds(one, other)
        return _RUNTIME if abs(late) > _RUNTIME_S else ""
    if one.cells and len(one.cells) == len(other.cells):
        means = [sum(each.cells) / len(each.cells) for each in (one, other)]
        if any(abs(a - means[0] - b + means[1]) > _CELL_MV for a, b in zip(one.cells, other.cells, strict=True)):
            return "cell_voltage"
    return ""


def _seconds(one: Sample, other: Sample) -> float:
    """From one to the other."""
    passed = since(other.at, one.at)
    return (passed - MASK - 1 if passed > MASK // 2 else passed) / 1000


def find(rs485: Sequence[Sample], can: Sequence[Sample]) -> tuple[list[Pair], list[Pair]]:
    """(pairs, more that would fit as well): a pair is one only where neither fits anybody else."""
    fitting = [_pair(a, b) for a in rs485 for b in can if not difference(a, b)]
    sole = [pair for pair in fitting if sum(pair.rs485 == p.rs485 or pair.can == p.can for p in fitting) == 1]
    return sole, [pair for pair in fitting if pair not in sole]


def _pair(a: Sample, b: Sample) -> Pair:
    sure = _RUNTIME in a.values and _RUNTIME in b.values
    flows = [each.values.get("current", 0) for each in (a, b)]
    return Pair(a.address, b.address, sure, differ(flows[0], flows[1], 0))


def judge(
    rs485: Sequence[Sample], can: Sequence[Sample], prefix: str, configured: Sequence[dict[str, Any]]
) -> tuple[list[Told], list[dict[str, Any]]]:
    """(findings, [[pack]] rows that fit). prefix: of the ids on RS485; configured: the pairs of the configuration, each
    with its `id`, `rs485` and `can`."""
    if not rs485 or not can:
        return [], []
    pairs, unclear = find(rs485, can)
    found = [_wrong(rs485, can, row) for row in configured]
    told = [one for one in found if one is not None]
    rows = [_row(row["id"], row["rs485"], row["can"]) for row, one in zip(configured, found, strict=True) if not one]
    known = {(row["rs485"], row["can"]) for row in configured}
    for pair in pairs:
        names = f"address {pair.rs485} on RS485 and address {pair.can} on CAN"
        if (pair.rs485, pair.can) not in known and not _taken(pair, rows):
            rows.append(_row(f"{prefix}{pair.rs485}", pair.rs485, pair.can))
            told.append(_proposed(pair, names))
        if pair.sign:
            told.append(Told(
                "other_sign", f"the currents of {names} have opposite signs",
                "If the load did not change in between, set sign of the CAN bus to the other word.", True,
            ))  # fmt: skip
    if unclear:
        both = ", ".join(f"{pair.rs485} and {pair.can}" for pair in unclear)
        told.append(Told(
            "pairs_unclear", f"several batteries look alike, so these may be one on RS485 and CAN or not: {both}",
            "Switch all but one off for a minute and look again, or add the [[pack]] rows yourself.", True,
        ))  # fmt: skip
    if not told and not rows:
        told.append(Told("no_pair", "no battery on RS485 says the same as one on CAN", "", True))
    return told, rows


def _proposed(pair: Pair, names: str) -> Told:
    advice = "With a [[pack]] row as below they are one device."
    if pair.sure:
        return Told("one_battery", f"{names} are one battery: they say the same, to the second of their run time",
                    advice, True)  # fmt: skip
    return Told("maybe_one_battery", f"{names} are probably one battery: they say the same, as far as CAN goes",
                advice, True)  # fmt: skip


def _wrong(rs485: Sequence[Sample], can: Sequence[Sample], row: dict[str, Any]) -> Told | None:
    """What is wrong with a pair of the configuration; None: nothing is known to be."""
    ours = [each for each in rs485 if each.address == row["rs485"]]
    theirs = [each for each in can if each.address == row["can"]]
    name = difference(ours[0], theirs[0]) if ours and theirs else ""
    if not name:
        return None
    both = f"address {row['rs485']} on RS485 and address {row['can']} on CAN"
    return Told("pair_differs", f"[[pack]] {row['id']}: {both} are not one battery, they differ in {name}",
                "Correct rs485 or can of this [[pack]], or remove it.", False)  # fmt: skip


def _row(pack_id: str, rs485: int, can: int) -> dict[str, Any]:
    return {"id": pack_id, "rs485": rs485, "can": can}


def _taken(pair: Pair, rows: list[dict[str, Any]]) -> bool:
    return any(pair.rs485 == row["rs485"] or pair.can == row["can"] for row in rows)
