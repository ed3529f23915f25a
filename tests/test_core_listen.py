"""Listening beside a JK master: every pack heard, nothing sent, and the change between listening and asking."""

from __future__ import annotations

import random

import pytest
from core_house import House, gaps, good_live, say
from test_core_answers import matches

from jkbridge.simulator import make_line

MASTERS = ("14.20", "15.30", "15.41", "19.27")
CYCLES = {"14.20": lambda n: 6.8 + 0.4 * n, "15.30": lambda n: 6.8 + 0.4 * n}
CYCLES |= dict.fromkeys(("15.41", "19.27"), lambda n: 3.74 + 0.22 * n)


def listening_house(slaves, master="14.20", junk=False, **more):
    line = make_line(
        slaves, master=master, junk=junk, paced=True, latency_ms=(5, 20), firmware=more.pop("firmware", master),
        stories=((),), seed=more.pop("seed", 0),
    )  # fmt: skip
    return House(slaves, line=line, scan=True, **more)


def honest(house):
    """Every live message says what that pack said once."""
    for address, slave in house.line.slaves.items():
        sent = list(slave.sent["live"])
        for payload in house.payloads(f"jkbms/{address}/live"):
            assert any(matches(payload, truth) for truth in sent), f"pack {address}: a value it never said"


@pytest.mark.parametrize("junk", [False, True], ids=["", "junk"])
@pytest.mark.parametrize("master", MASTERS)
def test_all_sixteen_packs_are_heard_and_nothing_is_sent(master, junk):
    house = listening_house(range(1, 16), master, junk)
    house.run(120)
    assert house.requests == []
    assert sorted(house.packs) == list(range(16))
    for address in range(16):
        lives = house.of(f"jkbms/{address}/live")
        assert len(lives) >= 120 // CYCLES[master](15) - 2
        assert house.of(f"jkbms/{address}/availability")[-1].payload == "online"
        assert house.payloads(f"jkbms/{address}/settings")[-1]["device_address"] == address
        assert not house.of(f"jkbms/{address}/about"), "a master never asks for it"
    honest(house)
    assert house.warnings() == []
    assert house.bus.role() == "listen"
    assert house.payloads("jkbms/bridge/info")[-1]["bus"][0]["role"] == "listen"
    assert len(say(house, 20, "another master asks")) == 1


@pytest.mark.parametrize("master", MASTERS)
@pytest.mark.parametrize("slaves", [0, 1, 3, 15])
def test_the_staleness_limit_follows_the_cycle_that_is_heard(master, slaves):
    house = listening_house(range(1, slaves + 1), master)
    house.run(90)
    cycle = 1000 * CYCLES[master](slaves)
    for address in range(slaves + 1):
        pack = house.packs[address]
        assert abs(pack.turn - cycle) < 450
        assert house.bus.stale_after(pack) == max(15_000, 3 * pack.turn)
        online = [m.payload for m in house.of(f"jkbms/{address}/availability")]
        assert "offline" not in online, "it flapped"


def test_one_lost_frame_does_not_double_the_limit():
    house = listening_house([1, 2])
    house.run(60)
    pack = house.packs[2]
    before = pack.turn
    house.line.fault("silence", 2, count=1)
    house.run(20)
    assert pack.turn < 1.6 * before
    house.run(20)
    assert pack.turn < 1.1 * before


def test_a_pack_that_falls_silent_is_offline_after_three_cycles():
    house = listening_house([1, 2])
    house.run(60)
    start = house.elapsed
    house.line.remove(house.line.slaves[2])
    house.run(40)
    gone = next(m.at for m in house.of("jkbms/2/availability") if m.payload == "offline")
    assert 14_000 < gone - start < 24_000  # three cycles of 7.6 s behind its last frame
    assert say(house, 30, "pack 2", "not", "heard")
    assert "offline" not in [m.payload for m in house.of("jkbms/1/availability")]


def test_how_long_a_pack_was_away_is_no_cycle():
    """Back after nine minutes for one frame: that frame must not be shown for a quarter of an hour."""
    house = listening_house([1, 2])
    house.run(60)
    pack = house.packs[2]
    silence = house.line.fault("silence", 2)
    house.run(540)
    assert not pack.online
    silence.cancel()
    assert house.run(20, until=lambda: pack.online)
    house.line.fault("silence", 2)
    back = house.elapsed
    assert house.run(300, until=lambda: not pack.online)
    assert house.elapsed - back < 45_000


def test_a_stall_does_not_make_packs_flap():
    """What came in half a minute is read at one moment: several frames of a pack, which are no short cycle."""
    house = listening_house(range(1, 16), interval=1)
    house.run(60)
    turn = house.packs[7].turn
    house.deaf_ms = 30_000
    house.run(31)
    house.deaf_ms = 0
    house.run(60)
    assert max(house.fed, key=lambda fed: fed[1])[1] > 15_000, "the stall was real"
    assert [m.topic for m in house.messages if m.payload == "offline"] == []
    house.run(90)
    assert house.packs[7].turn < 1.1 * turn


def test_a_faster_master_is_learnt():
    house = listening_house(range(1, 16), "14.20")
    house.run(60)
    house.line.master.slot_ms = 100
    house.run(60)
    for address in range(16):
        assert house.packs[address].turn < 4500


def test_a_master_that_has_gone_is_not_said_to_answer_badly():
    house = listening_house([1])
    house.run(60)
    house.line.master.off(house.now)
    house.run(60)
    assert say(house, 30, "pack 0", "offline", "nothing of it is heard")
    assert say(house, 20, "addresses 1 to 15 were asked: 1 answered"), "the master was never asked"


def test_a_line_that_was_lost_beside_a_master_is_not_taken_over_at_once():
    house = listening_house([1, 2])
    house.run(60)
    house.bus.closed(house.now, "the cable was pulled")
    house.line.master.off(house.now)
    house.run(5)
    house.bus.opened(house.now)
    back = house.elapsed
    assert house.run(30, until=lambda: house.requests != [])
    assert house.elapsed - back >= 7000


def test_nothing_is_counted_without_end_beside_a_master():
    """A sum of all bytes would leave the small integers of a device after some days."""
    house = listening_house([1, 2])
    house.run(60)
    assert house.bus.bytes_in > 15_000
    counted = {name: value for name, value in vars(house.bus.poller).items() if name in ("_stray", "answer_bytes")}
    assert len(counted) == 2
    assert max(counted.values()) < 5000


def test_a_master_that_is_switched_off_is_not_called_damaged():
    house = listening_house([1])
    house.run(30)
    house.line.master.off(house.now)
    house.run(60)
    assert house.bus.role() == "poll"
    assert say(house, 30, "pack 0: no good live frame", "nothing of it is heard")


def test_a_moved_dip_switch_is_followed_within_a_cycle():
    house = listening_house([1, 4])
    house.run(60)
    start = house.elapsed
    house.line.slaves[4].address = 9
    house.run(9)
    assert good_live(house, 9, start)
    house.run(60)
    assert house.of("jkbms/4/availability")[-1].payload == "offline"
    assert house.of("jkbms/9/availability")[-1].payload == "online"
    assert house.payloads("jkbms/9/settings")[-1]["device_address"] == 9


def test_a_configured_pack_that_nobody_hears_is_named():
    house = House([1], [1, 7], line=make_line([1], master="14.20", paced=True, latency_ms=(5, 20)))
    house.run(120)
    assert len(say(house, 30, "pack 7", "address 7")) == 1
    assert not say(house, 30, "pack 1 ")
    assert good_live(house, 0), "and the master appears without being named"


def test_a_master_that_comes_late_has_time_to_be_heard():
    """Pack 0 is configured and cannot be heard before it is switched on: nothing is wrong with it."""
    line = make_line([1], master="14.20", paced=True, latency_ms=(5, 20), stories=((),))
    line.master.off(0)
    house = House([1], polled=[0, 1, 7], line=line)
    house.run(90)
    line.master.on(house.now)
    house.run(35)
    assert house.packs[0].online
    assert not say(house, 30, "pack 0")
    house.run(20)
    assert [text for text in house.warnings() if "has not been heard" in text] == say(house, 30, "pack 7 has not")


@pytest.mark.parametrize("role", ["auto", "poll", "listen"])
def test_what_each_role_does_beside_a_master(role):
    house = listening_house([1, 2], role=role)
    house.run(60)
    assert house.requests == []
    assert bool(house.of("jkbms/1/live")) == (role != "poll")
    assert bool(say(house, 30, "not sending")) == (role == "poll")
    assert house.bus.role() == ("poll" if role == "poll" else "listen")


def test_role_listen_never_asks_even_on_a_silent_line():
    house = House([1, 2], role="listen")
    house.run(300)
    assert house.requests == []
    assert len(say(house, 20, "as configured")) == 1
    assert say(house, 30, "not one byte", "only speak when asked", "role to auto"), "not the cable first"


def test_auto_asks_when_nobody_else_does():
    house = House([1, 2])
    house.run(30)
    assert 2000 <= house.requests[0].at <= 2100
    assert house.bus.role() == "poll"
    assert len(say(house, 20, "nobody else talks")) == 1
    assert [i["bus"][0]["role"] for i in house.payloads("jkbms/bridge/info")][-1] == "poll"


def test_unknown_bytes_forbid_asking():
    house = House([1, 2])
    chance = random.Random(4)
    for _ in range(200):
        house.line.inject(chance.randbytes(40), house.now)
        house.run(1.0)
    assert house.requests == []
    assert house.bus.role() == "auto"


# The change between the two


class Ear:
    """Notes when the bytes of a master reach the bridge: what the bridge could know."""

    def __init__(self, house):
        self.house = house
        self.first = None  # ms of the first byte of the master since watch()
        self._plain = house.line.transmit
        house.line.transmit = self._transmit
        self._air = []

    def _transmit(self, sender, data, *more):
        master = sender is self.house.line.master
        self._plain(sender, data, *more)
        if master and self.house.line._air:
            self._air.append(self.house.line._air[-1])

    def heard_at(self, since):
        """When the bridge was first fed a whole unit of the master behind `since`; None: not yet."""
        whole = [air for air in self._air if not air.collided and air.start_ns / 1e6 >= since]
        if not whole:
            return None
        start = whole[0].start_ns / 1e6
        return next((at for at, _ in self.house.fed if at >= start), None)


def test_a_master_that_comes_and_goes_fifty_times():
    house = listening_house([1, 2, 3], "14.20")
    ear = Ear(house)
    chance = random.Random(7)
    master = house.line.master
    house.run(40)
    late = crossed = 0
    for _ in range(50):
        master.off(house.now)
        off = house.elapsed
        house.run(17 + 3 + chance.random() * 5)
        for address in (1, 2, 3):
            assert good_live(house, address, off + 7000), "asked again by ourselves"
        assert house.bus.role() == "poll"
        on = house.elapsed
        before = house.bus.poller.crossed
        master.on(house.now)
        house.run(16.5)  # two cycles
        heard = ear.heard_at(on - 1)
        assert heard is not None
        late += len([r for r in house.requests if r.at > heard])
        crossed += house.bus.poller.crossed - before
        for address in range(4):
            assert good_live(house, address, on), f"pack {address} within two cycles"
        assert house.bus.role() == "listen"
    print(f"a master switched on 50 times: {late} requests behind its first unit, {crossed} met on their way")
    assert late == 0
    honest(house)


def test_the_same_with_a_fast_master_and_junk():
    house = listening_house([1, 2], "15.41", junk=True)
    ear = Ear(house)
    chance = random.Random(8)
    house.run(30)
    for _ in range(10):
        house.line.master.off(house.now)
        house.run(20 + chance.random() * 5)
        assert house.bus.role() == "poll"
        on = house.elapsed
        house.line.master.on(house.now)
        house.run(9)
        heard = ear.heard_at(on - 1)
        assert [r for r in house.requests if r.at > heard] == []
        for address in range(3):
            assert good_live(house, address, on)


@pytest.mark.parametrize("seed", range(6))
def test_two_bridges_on_one_line_settle(seed):
    """Both are switched on at the same moment: one asks in the end, the other listens, both know all packs."""
    line = make_line([1, 2, 3], paced=True, latency_ms=(5, 20), seed=seed, stories=((),))
    first = House([1, 2, 3], line=line, scan=True, instance=b"%08x" % (7919 * seed + 1))
    second = House([1, 2, 3], line=line, scan=True, host=line.host(), instance=b"%08x" % (104729 * seed + 5))
    for _ in range(60_000):
        for house in (first, second):
            house.turn()
            house.elapsed += 2
    roles = sorted([first.bus.role(), second.bus.role()])
    assert roles == ["listen", "poll"]
    for house in (first, second):
        for address in (1, 2, 3):
            assert len(good_live(house, address, 60_000)) >= 9
        changes = say(house, 20, "another master asks") + say(house, 20, "asking the packs")
        assert len(changes) <= 4, "they duel"


# Model and firmware, asked for in the gaps


@pytest.mark.parametrize("master", MASTERS)
def test_about_frames_are_asked_for_in_the_gaps_when_that_is_wanted(master):
    house = listening_house(range(1, 6), master, ask_about=True)
    house.run(240)
    assert {r.kind for r in house.requests} == {"about"}
    assert len(house.requests) < 30
    assert house.line.collisions == 0
    for address in range(1, 6):
        assert house.payloads(f"jkbms/{address}/about"), f"pack {address} told its model"
    assert not [r for r in house.requests if r.address == 0], "the master answers nobody"
    assert house.bus.role() == "listen"
    assert house.line.master.cycles >= 240 // CYCLES[master](5) - 1


def test_a_pack_that_does_not_tell_is_not_asked_for_ever():
    house = listening_house([1, 2], ask_about=True)
    answer = house.line.slaves[2].answer
    house.line.slaves[2].answer = lambda request, t: b"" if request.register == 0x161C else answer(request, t)
    house.run(600)
    assert house.payloads("jkbms/1/about")
    assert 3 <= len(house.asked(2, "about")) <= 6


def test_nothing_is_asked_beside_a_master_that_fills_its_pauses_with_junk():
    house = listening_house([1, 2], "15.41", junk=True, ask_about=True)
    house.run(120)
    assert house.requests == []
    assert house.line.collisions == 0


def test_nothing_is_asked_in_gaps_that_are_too_small_or_not_regular():
    house = listening_house([1, 2], ask_about=True)
    house.line.master.slot_ms = 130
    house.run(120)
    assert house.requests == []


def test_the_pace_of_a_foreign_bridge_is_learnt_too():
    """Not a JK master but another bridge asks once a minute: the packs do not flap."""
    line = make_line([1], paced=True, latency_ms=(5, 20), stories=((),))
    other = House([1], line=line, interval=60, role="poll")
    house = House([1], line=line, scan=True, host=line.host(), role="listen")
    for _ in range(100_000):
        for one in (other, house):
            one.turn()
            one.elapsed += 5
    changes = [m.payload for m in house.of("jkbms/1/availability") if m.at > 150_000]
    assert "offline" not in changes
    assert max(gaps([m.at for m in good_live(house, 1, 150_000)])) < 70_000
