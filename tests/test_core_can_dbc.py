"""CAN messages through jkbms.dbc with cantools: the same numbers, signal by signal, whatever the payload is."""

from __future__ import annotations

import random

import can_battery
import can_dbc
import core_can
import pytest
import recordings

from jkcore import can
from jkcore.fields import codes


@pytest.fixture(scope="module")
def messages():
    folder = recordings.folder()
    if folder is None:
        pytest.skip("no recordings, so no jkbms.dbc beside them")
    from pathlib import Path

    return can_dbc.database(Path(folder)).messages


def checked(message, data: bytes) -> None:
    wanted = dict(message.decode(data, decode_choices=False))
    wrong = core_can.disagreement(message.frame_id, message.is_extended_frame, data, wanted)
    assert wrong == "", (message.name, data.hex(), wrong)


def test_every_message_and_signal_of_the_database_is_known(messages):
    kinds = {can.classify(message.frame_id, message.is_extended_frame) for message in messages}
    assert kinds == {kind << 4 for kind in range(codes.UNDOCUMENTED + 1)}
    for message in messages:
        for signal in message.signals:
            if message.name != "BMSERR_INFO":
                row, _ = core_can.of_signal(signal.name, 0)
                assert can.PLACES[row], signal.name


def test_every_bit_of_every_message_means_the_same(messages):
    for message in messages:
        for bit in range(64):
            checked(message, (1 << bit).to_bytes(8, "little"))
            checked(message, (~(1 << bit) & 2**64 - 1).to_bytes(8, "little"))


def test_100_000_random_payloads(messages):
    chance = random.Random(5)
    for n in range(100_000):
        checked(messages[n % len(messages)], chance.randbytes(8))


def test_a_million_shuffled_frames_of_two_packs_are_never_mixed():
    """Every byte a pack sends has the lowest bit of its address: what one keeps never shows the other's."""
    line = core_can.Can()
    bases = [can_battery.ST1, can_battery.VOLT, can_battery.TEMP, can_battery.ALM]
    bases += [can_battery.ST2, can_battery.ALL, can_battery.ERR, can_battery.INFO, can_battery.SW, can_battery.CHARGER]
    bases += [can_battery.CELLS + 0x10000 * group for group in range(7)]
    chance = random.Random(6)
    frames = []
    for address in (0, 1):
        mark = bytes([address] * 8)
        for base in bases:
            data = bytes(byte & 0xFE for byte in chance.randbytes(8))
            if base == can_battery.ST1:
                data = bytes((50, 2, 160, 14, 80, 0, 0, 0))
            flags = 8 | (can.EXTENDED if base > 0x7FF else 0)
            frames.append((base + address, flags, bytes(map(int.__or__, data, mark))))
    order = frames * (1_000_000 // len(frames) + 1)
    chance.shuffle(order)
    feed = line.bus.feed_frame
    for n in range(1_000_000):
        ident, flags, data = order[n]
        feed(ident, flags, data, 1000 + n // 4000)
        if not n % 10_000:
            for pack in line.bus.packs:
                for at in range(0, 8 * codes.CONTROL, 8):
                    kept = bytes(pack.raw[at : at + 8])
                    assert not any(kept) or {byte & 1 for byte in kept} == {pack.address}
    assert [pack.address for pack in sorted(line.bus.packs, key=lambda pack: pack.address)] == [0, 1]
    for pack in line.bus.packs:
        shown = pack.burst.shown
        assert not pack.burst.good or {byte & 1 for byte in shown} == {pack.address}
    assert line.bus.frames == 1_000_000
