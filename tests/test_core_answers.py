"""Answers that are wrong, damaged, doubled or refused; settings and about data that need two readings."""

from __future__ import annotations

import json

import core_bytes as cb
import pytest
from core_bench import Bench, healthy
from core_house import House, gaps, say

# Wrong answers


def test_two_packs_at_one_address_are_told_and_not_published():
    for latency in ((10, 10), (5, 60), (5, 200)):
        house = House([1, 2, 2], latency_ms=latency)
        house.run(600)
        spoken = say(house, 30, "address 2")
        assert spoken, f"latency {latency}: nothing said"
        assert any("two packs" in text for text in spoken), spoken
        twins = [s for s in house.line.stations if s.address == 2]
        sent = [truth for twin in twins for truth in twin.sent["live"]]
        for payload in house.payloads("jkbms/2/live"):
            assert any(matches(payload, truth) for truth in sent), "a mixture of two packs was published"
        assert len(house.of("jkbms/1/live")) >= 112


def matches(payload: dict, truth: dict) -> bool:
    """A published live message says what one sent frame said."""
    names = ("pack_voltage", "current", "soc", "cell_voltage_1", "cell_voltage_16", "total_runtime", "mos_temperature")
    scales = (1000, 1000, 1, 1000, 1000, 1, 10)
    return all(round(payload[n] * s) == truth[n] for n, s in zip(names, scales, strict=True))


def test_exceptions_are_counted_and_asked_again_later():
    def refuses(address: int, kind: int) -> bytes:
        return cb.exception(address) if kind != cb.LIVE else healthy(address, kind)

    bench = Bench([1], refuses).run(60000)
    assert bench.bridge.packs[0].counts[6] >= 4
    assert len(bench.of("jkbms/1/live")) >= 10
    assert bench.of("jkbms/1/settings") == []
    asked = [r[0] for r in bench.requests if r[2] == cb.SETTINGS]
    assert len(asked) < 16, "a refusal is no reason to ask all the time"


def test_a_pack_that_refuses_everything_is_offline_and_others_are_not():
    def refuses(address: int, kind: int) -> bytes:
        return cb.exception(address) if address == 1 else healthy(address, kind)

    bench = Bench([1, 2], refuses).run(60000)
    assert bench.of("jkbms/1/live") == []
    assert "online" not in bench.of("jkbms/1/availability")
    assert len(bench.of("jkbms/2/live")) >= 10


def test_answers_of_another_address_are_not_taken():
    def wrong(address: int, kind: int) -> bytes:
        return healthy(3 if address == 1 else address, kind)

    bench = Bench([1, 2], wrong, role="poll").run(60000)
    assert bench.of("jkbms/1/live") == []
    assert bench.of("jkbms/3/live") == []
    assert bench.bridge.packs[0].counts[5] > 0
    assert any("pack 3" in w for w in bench.warnings())


def test_an_answer_of_another_type_is_not_taken():
    def wrong(address: int, kind: int) -> bytes:
        return healthy(address, cb.LIVE if kind == cb.SETTINGS else kind)

    bench = Bench([1], wrong).run(30000)
    assert bench.of("jkbms/1/settings") == []
    assert bench.of("jkbms/1/live")


@pytest.mark.parametrize("damage", ["no_ack", "wrong_ack", "bent", "cut", "log"])
def test_a_damaged_answer_is_asked_for_again_at_once(damage):
    turn = [0]

    def answer(address: int, kind: int) -> bytes:
        turn[0] += 1
        unit = bytearray(healthy(address, kind))
        if kind != cb.LIVE or turn[0] % 7:
            return bytes(unit)
        if damage == "no_ack":
            return bytes(unit[:300])
        if damage == "wrong_ack":
            unit[306] ^= 1
        elif damage == "bent":
            unit[100] ^= 16
        elif damage == "log":
            return cb.unit(cb.empty(5), address)
        else:
            del unit[250:]
        return bytes(unit)

    bench = Bench([1], answer).run(120000)
    times = [m[0] for m in bench.messages if m[1] == "jkbms/1/live"]
    assert max(gaps(times)) < 6000
    assert len(times) >= 23
    assert bench.bridge.packs[0].counts[2] >= 2  # retries
    assert bench.warnings() == []


# Settings and about need two readings


def test_settings_and_about_are_published_after_two_readings_that_agree():
    house = House([1])
    house.run(30)
    second = house.asked(1, "settings")[1]
    assert house.of("jkbms/1/settings")[0].at >= second
    assert house.of("jkbms/1/about")[0].at >= house.asked(1, "about")[1]
    truth = house.line.slaves[1].truth(house.now, "settings")
    told = house.payloads("jkbms/1/settings")[-1]
    assert round(told["cell_overvoltage_protection"] * 1000) == truth["cell_overvoltage_protection"]


def test_a_corrupted_settings_frame_is_never_published():
    """Every third settings or about frame has errors that keep sum and ack: no second one is like it."""
    chance = cb.Chance(17)
    count = [0]

    def answer(address: int, kind: int) -> bytes:
        if kind == cb.LIVE:
            return healthy(address, kind)
        frame = bytearray(healthy(address, kind)[:300])
        count[0] += 1
        if count[0] % 3 == 0:
            at, other = 6 + chance.below(140), 150 + chance.below(140)
            step = 1 + chance.below(100)
            frame[at] = (frame[at] + step) & 255
            frame[other] = (frame[other] - step) & 255
            assert sum(frame[:299]) & 255 == frame[299]
        return cb.unit(frame, address)

    bench = Bench([1, 2], answer, interval=1).run(900000)
    good = Bench([1, 2], interval=1).run(20000)
    for topic in ("jkbms/1/settings", "jkbms/1/about", "jkbms/2/settings", "jkbms/2/about"):
        truth = json.loads(good.of(topic)[-1])
        assert bench.of(topic)
        for payload in bench.of(topic):
            told = json.loads(payload)  # fewer keys before the firmware is known
            assert told == {key: truth[key] for key in told}
        assert json.loads(bench.of(topic)[-1]) == truth
    assert bench.of("jkbms/1/event") == []
    assert sum(p.counts[9] for p in bench.bridge.packs) > 10  # unconfirmed


def test_settings_that_never_agree_do_not_eat_the_bus():
    """A firmware that counts in some byte nobody knows: live values keep their interval, the bus is not flooded."""
    count = [0]

    def answer(address: int, kind: int) -> bytes:
        frame = bytearray(healthy(address, kind)[:300])
        if kind == cb.SETTINGS:
            count[0] += 1
            frame[290] = count[0] & 255
            cb.seal(frame)
        return cb.unit(frame, address)

    bench = Bench([1, 2], answer).run(300000)
    times = [r[0] for r in bench.requests if r[1:] == (1, cb.LIVE)]
    assert max(gaps(times)) < 5700
    asked = len([r for r in bench.requests if r[2] == cb.SETTINGS])
    assert asked < 300, f"{asked} requests for settings in 5 minutes"


def test_changed_settings_are_published_and_told_as_an_event():
    house = House([1])
    house.run(30)
    before = len(house.of("jkbms/1/settings"))
    house.line.slaves[1].battery.settings["cell_overvoltage_protection"] = 3555
    house.run(90)
    events = house.payloads("jkbms/1/event")
    changed = [e for e in events if e["event_type"] == "setting_changed"]
    assert [e["changed"] for e in changed] == [{"cell_overvoltage_protection": {"old": 3.65, "new": 3.555}}]
    assert house.payloads("jkbms/1/settings")[before]["cell_overvoltage_protection"] == 3.555
    assert not any(m.retain for m in house.of("jkbms/1/event"))
    assert say(house, 20, "settings changed", "cell_overvoltage_protection")
