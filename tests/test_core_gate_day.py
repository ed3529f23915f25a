"""The gate refuses no frame of a simulated day: every firmware and story, several kinds of pack, minute by minute."""

from __future__ import annotations

import core_bytes as cb
import pytest

from jkbridge.simulator import PROFILES, STORIES, Battery, Day, Slave
from jkcore import gate, modbus, texts
from jkcore import pack as pk

DAY = 24 * 60


def refused(battery: Battery, minutes: int = DAY, start_s: float = 0.0) -> tuple[int, list[str]]:
    """(frames judged, reasons of those refused) of one battery, one frame a minute."""
    slave = Slave(1, battery)
    found = []
    for minute in range(minutes):
        frame = slave.frame("live", start_s + 60 * minute)
        reason = gate.judge(frame)
        if reason:
            found.append(f"minute {minute}: {texts.DOUBTS[reason]}")
    return minutes, found


@pytest.mark.parametrize("firmware", sorted(PROFILES))
@pytest.mark.parametrize("story", ["", *STORIES])
def test_a_day_of_every_firmware_and_story(firmware, story):
    battery = Battery(
        firmware, day=Day(3, season_degc=-2.0 if story == "cold" else 19.0), start_s=0.0,
        stories=(story,) if story else (), seed=7,
    )  # fmt: skip
    judged, found = refused(battery)
    assert judged == DAY
    assert found == []


@pytest.mark.parametrize(
    ("cells", "chemistry", "capacity"), [(4, "lfp", 100), (8, "lfp", 314), (24, "lfp", 50), (14, "li-ion", 120)]
)
def test_a_day_of_other_packs(cells, chemistry, capacity):
    battery = Battery("15.41", cells=cells, chemistry=chemistry, capacity_ah=capacity, start_s=0.0, seed=cells)
    assert refused(battery)[1] == []


def test_a_day_without_sensors():
    battery = Battery("15.41", probes=(1,), start_s=0.0, seed=5)
    assert refused(battery)[1] == []


@pytest.mark.parametrize("ampere", [-200.0, -100.0, 100.0, 200.0])
def test_loads_that_jump(ampere):
    """Full load switched on and off every ten seconds, a frame every second."""
    battery = Battery("15.41", start_s=0.0, seed=11)
    battery.wish = lambda t: ampere if int(t) // 10 % 2 else 0.0
    slave = Slave(1, battery)
    found = [s for s in range(900) if gate.judge(slave.frame("live", 40000.0 + s))]
    assert found == []


def test_settings_and_about_of_every_firmware_agree_with_themselves():
    """Two readings a minute apart are the same to the bridge: run-time counters do not count."""
    for firmware in PROFILES:
        battery = Battery(firmware, start_s=0.0, seed=2)
        slave = Slave(1, battery)
        pack = pk.Pack(b"1", 1, "")
        for name, kind in (("settings", modbus.SETTINGS), ("about", modbus.ABOUT)):
            for minute in range(0, DAY, 30):
                frame = bytearray(slave.frame(name, 60.0 * minute))
                if kind == cb.ABOUT:
                    pk.blank_private(frame)
                verdict = pack.agreed(frame, kind)
                assert verdict == (pk.WAITING, pk.AGREED)[minute // 30] if minute < 60 else verdict == pk.SAME
                if verdict == pk.AGREED:
                    pack.keep(frame, kind)
