"""Any stream in any pieces through the masking: nothing lost or moved, units untouched, no secret in what comes out."""

from __future__ import annotations

import random
from itertools import pairwise

import core_bytes as cb
import planted
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jkcore import framer as fr
from jkcore.masking import RECEIVED, SENT, Masking

ADDRESSES = st.integers(0, 15)
# Bytes that are no part of any unit by themselves, and no text: what passes must be told from what was masked.
NOISE = st.binary(max_size=40).map(lambda data: bytes(byte | 0x80 for byte in data))
UNITS = st.one_of(
    ADDRESSES.map(lambda a: cb.request(a, cb.LIVE)),
    ADDRESSES.map(lambda a: cb.unit(cb.live(tag=a), a)),
    ADDRESSES.map(cb.exception),
)
ABOUT = st.tuples(ADDRESSES, st.booleans()).map(
    lambda t: (cb.request(t[0], cb.ABOUT) if t[1] else b"") + cb.unit(planted.about(), t[0])
)


@st.composite
def damaged_about(draw: st.DrawFn) -> bytes:
    """An about answer with bytes lost, changed and put in, cut, or another unit inside; now and then its request."""
    data = bytearray(draw(ABOUT))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["drop", "flip", "insert", "splice", "cut", "behead"])):
            case "drop":
                del data[at : at + draw(st.integers(1, 30))]
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                data[at:at] = draw(NOISE)
            case "splice":
                data[at:at] = draw(UNITS)
            case "cut":
                del data[at:]
            case "behead":
                del data[:at]
    return bytes(data)


STREAM = st.lists(st.one_of(NOISE, UNITS, ABOUT, damaged_about()), max_size=8).map(b"".join)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


def masked(pieces: list[bytes]) -> bytes:
    masking = Masking(64)
    out = b"".join(planted.joined(planted.fed(masking, piece)) for piece in pieces)
    masking.flush()
    return out + planted.joined(planted.written(masking))


def units_of(data: bytes) -> list[tuple[int, int, bytes]]:
    """(position, code, bytes) of every unit the framer finds."""
    framer = fr.Framer()
    found = []
    at = 0
    while True:
        if at < len(data):
            at = framer.feed(data, at, len(data))
        else:
            framer.flush()
        while event := framer.next():
            if event != fr.REJECT:
                found.append((framer.position, event, data[framer.position : framer.position + framer.length]))
        if at >= len(data) and not framer.pending():
            return found


@given(STREAM, st.lists(st.integers(0, 5000), max_size=40))
def test_pieces_make_no_difference_and_nothing_is_lost_moved_or_leaked(data: bytes, cuts: list[int]) -> None:
    out = masked([data])
    assert len(out) == len(data)
    assert masked(pieces_of(data, cuts)) == out
    assert not planted.leaks(out)
    # Every unit is still there, at its place; all but about frames that have their ack to the byte.
    before, after = units_of(data), units_of(out)
    for position, event, unit in before:
        if event == fr.FRAME and unit[4] == cb.ABOUT and len(unit) > 300:
            at = next(u for p, e, u in after if p == position and e == fr.FRAME)
            assert all(a == b for i, (a, b) in enumerate(zip(at, unit, strict=True)) if i not in planted.SECRET + [299])
        elif event != fr.FRAME or len(unit) > 300:
            assert (position, event, unit) in after
    # A damaged frame does not become a good one.
    assert {p for p, e, _ in after if e == fr.FRAME} <= {p for p, e, _ in before if e == fr.FRAME}


@given(st.lists(st.one_of(NOISE, UNITS), max_size=12).map(b"".join), st.lists(st.integers(0, 5000), max_size=10))
def test_what_is_no_about_frame_passes_unchanged(data: bytes, cuts: list[int]) -> None:
    assert masked(pieces_of(data, cuts)) == data


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=10))
@example(b"\x55\xaa\xeb\x90", [])
@example(cb.MAGIC * 200, [3, 5])
def test_any_bytes_in_any_pieces(data: bytes, cuts: list[int]) -> None:
    out = masked([data])
    assert len(out) == len(data)
    assert masked(pieces_of(data, cuts)) == out
    assert [u[:2] for u in units_of(out)] == [u[:2] for u in units_of(data)]


@given(
    st.lists(
        st.tuples(st.sampled_from([RECEIVED, SENT]), st.one_of(NOISE, UNITS, damaged_about()), st.integers(0, 1500))
    ),
    st.integers(2, 64),
)
def test_two_ways_with_silences_lose_nothing(steps: list[tuple[int, bytes, int]], places: int) -> None:
    masking = Masking(places)
    now = 0x3FFFF000  # the clock wraps meanwhile
    out = []
    for way, data, wait in steps:
        out += planted.fed(masking, data, now, way)
        now = now + wait & 0x3FFFFFFF
        masking.tick(now)
        out += planted.written(masking)
    masking.flush()
    out += planted.written(masking)
    for way in (RECEIVED, SENT):
        assert len(planted.joined(out, way)) == sum(len(data) for w, data, _ in steps if w == way)
    assert not planted.leaks(planted.joined(out))


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.05, 0.2])
def test_about_answers_on_a_bad_line(rate: float) -> None:
    chance = random.Random(7)
    for n in range(250):
        data = bytearray()
        for byte in cb.unit(planted.about(), n & 15):
            if chance.random() >= rate:
                data.append(byte ^ (1 << chance.randrange(8) if chance.random() < rate else 0))
            if chance.random() < rate / 2:
                data.append(chance.randrange(256))
        asked = cb.request(n & 15, cb.ABOUT)
        assert not planted.leaks(masked([asked, bytes(data)])), n
