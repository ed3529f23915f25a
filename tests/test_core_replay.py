"""A bus that only listens to a recording: frames are booked by the ack behind them, packs appear as they are heard."""

from __future__ import annotations

import json

import core_bytes as cb
import pytest
from core_bench import Bench
from core_house import configuration

from jkcore.bridge import Bridge


class Listening(Bench):
    """A bench whose bus is fed by hand and asks nobody."""

    def __init__(self, packs=(), **more):
        super().__init__(list(packs) or [1], lambda address, kind: b"", **more)
        self.bus.accept_unasked = True
        if not packs:
            self.bus.packs.clear()
            self.bridge.packs.clear()


@pytest.fixture
def listening():
    return Listening()


def test_a_recorded_bus_is_published_pack_by_pack(listening):
    cb.need("bus_2packs_0_7_v1420_short.hex")
    data = cb.read("bus_2packs_0_7_v1420_short.hex")
    listening.run(1500)
    listening.hear(data)
    listening.run(3000)
    frames = cb.frames_in(data, cb.LIVE)
    told = [json.loads(m[2]) for m in listening.messages if m[1] in ("jkbms/0/live", "jkbms/7/live")]
    ticks = {round(t["system_ticks"] * 10) for t in told}
    assert ticks == {int.from_bytes(f[246:250], "little") for f in frames}
    assert {p.address for p in listening.bridge.packs} == {0, 7}
    for pack in (0, 7):
        assert listening.of(f"jkbms/{pack}/settings"), "two readings that agree"
        address = json.loads(listening.of(f"jkbms/{pack}/settings")[-1])["device_address"]
        assert address == pack
    assert listening.requests == []


def test_frames_without_an_ack(listening):
    """Settings say themselves whose they are (of a pack never heard of twice); of a live frame nobody knows."""
    listening.run(1500)
    listening.hear(bytes(cb.settings(5)) + bytes(cb.live()))
    assert listening.bridge.packs == []
    listening.hear(2 * (bytes(cb.settings(5)) + bytes(cb.live())))
    listening.run(3000)
    assert [p.address for p in listening.bridge.packs] == [5]
    assert listening.of("jkbms/5/settings")
    assert not [m for m in listening.messages if m[1].endswith("/live")]


def test_nothing_is_ever_sent_while_listening(listening):
    listening.hear(cb.request(1, cb.LIVE) + cb.unit(cb.live(), 1) + cb.exception(2) + b"\xff" * 50)
    listening.run(60000)
    assert listening.requests == []
    assert listening.bus.state() == "replay"
    assert listening.warnings() == [w for w in listening.warnings() if "offline" in w]


def test_implausible_frames_are_not_taken_from_a_recording_either(listening):
    frame = cb.live()
    frame[173] = 101
    listening.run(1500)
    listening.hear(cb.unit(cb.seal(frame), 1) * 5)
    listening.run(3000)
    assert not [m for m in listening.messages if m[1].endswith("/live")]


def test_a_bridge_needs_no_port_name():
    bridge = Bridge(configuration([1], port=""), print, b"00000000", "x", "y")
    assert not bridge.buses[0].is_open
    assert bridge.buses[0].tick(1000) == 0
    assert bridge.buses[0].sleep_ms(1000) > 0
