"""When a pack is offline and when it is online again; a port that goes and comes; a clock that wraps."""

from __future__ import annotations

import core_bytes as cb
import pytest
from core_house import House, gaps, good_live, say

# Staleness


@pytest.mark.parametrize(("interval", "limit"), [(0, 10), (1, 10), (5, 15), (60, 180)])
def test_a_silent_pack_is_offline_after_its_time(interval, limit):
    house = House([1, 2], interval=interval)
    house.run(30 + 2 * interval)
    assert house.of("jkbms/1/availability")[-1].payload == "online"
    last = good_live(house, 1)[-1].at
    house.line.fault("silence", 1)
    house.run(3 * limit + 20, until=lambda: house.of("jkbms/1/availability")[-1].payload == "offline")
    last = good_live(house, 1)[-1].at
    gone = house.of("jkbms/1/availability")[-1].at
    longest = max(1000 * limit, 3 * max(gaps([m.at for m in good_live(house, 2, 10_000)])))
    assert 1000 * limit < gone - last <= longest + 600
    assert len(say(house, 30, "pack 1", "offline")) == 1
    assert house.of("jkbms/2/availability")[-1].payload == "online"
    house.run(40)
    assert good_live(house, 1, gone) == [], "nothing old is shown as live"


def test_online_again_with_the_first_good_frame():
    house = House([1])
    house.run(30)
    fault = house.line.fault("silence")
    house.run(60)
    fault.cancel()
    house.run(40)
    words = [m.payload for m in house.of("jkbms/1/availability")]
    assert words[-2:] == ["offline", "online"]
    online = house.of("jkbms/1/availability")[-1].at
    assert abs(good_live(house, 1, 91_000)[0].at - online) < 50


def test_a_long_turn_stretches_the_limit():
    """15 packs at interval 0 over a slow gateway: one turn takes longer than a third of 10 s."""
    house = House(range(1, 16), interval=0, latency_ms=(400, 400))
    house.run(600)
    turn = house.bus.poller.turn
    assert turn > 4000
    last = good_live(house, 1)[-1].at
    house.line.fault("silence", 1)
    house.run(60, until=lambda: house.of("jkbms/1/availability")[-1].payload == "offline")
    last = good_live(house, 1)[-1].at
    gone = house.of("jkbms/1/availability")[-1].at
    assert gone - last >= 3 * turn * 0.9
    assert all(house.of(f"jkbms/{a}/availability")[-1].payload == "online" for a in range(2, 16))


def test_damage_only_makes_a_pack_stale_and_says_so():
    house = House([1, 2])
    house.run(30)
    house.line.fault("corrupt", 1, amount=9)
    house.run(30)
    assert house.of("jkbms/1/availability")[-1].payload == "offline"
    assert say(house, 30, "pack 1", "offline", "damaged")
    assert house.of("jkbms/2/availability")[-1].payload == "online"


# The port


def test_a_port_that_goes_and_comes():
    house = House([1])
    house.run(30)
    house.bus.closed(house.now, "the cable of /dev/ttyUSB0 was pulled")
    start = house.elapsed
    house.run(60)
    assert [r for r in house.requests if r.at > start] == []
    assert house.of("jkbms/1/availability")[-1].payload == "offline"
    assert say(house, 30, "pack 1", "offline", "cable of /dev/ttyUSB0")
    health = house.payloads("jkbms/bridge/health")[-1]["bus"][0]
    assert (health["state"], health["reason"]) == ("closed", "the cable of /dev/ttyUSB0 was pulled")
    assert house.messages[-1].topic != "jkbms/bridge/state", "the bridge itself stays online"
    house.bus.opened(house.now)
    opened = house.elapsed
    house.run(60, step=1)
    first = next(r.at for r in house.requests if r.at > opened)
    assert opened + 2000 <= first <= opened + 2010
    assert house.of("jkbms/1/availability")[-1].payload == "online"
    assert len(good_live(house, 1, opened)) >= 10


def test_half_a_frame_before_the_port_closed_is_forgotten():
    house = House([1])
    house.run(30)
    house.bus.feed(cb.unit(cb.live(tag=5), 1)[:200], 200, house.now)
    house.bus.closed(house.now, "gone")
    house.run(1)
    house.bus.opened(house.now)
    house.run(20)
    rejected = house.payloads("jkbms/bridge/health")[-1]["bus"][0]["rejected"]
    assert sum(rejected.values()) == 0


# The clock


@pytest.mark.parametrize("start", [0, 0x1FFFFFFF - 20_000, 0x20000001, 0x3FFFFFFF - 20_000, 0x3FFFFFFF - 1000])
def test_the_clock_may_wrap_or_be_anywhere(start):
    """Thirty bits of milliseconds: the same happens at every time."""
    plain = House([1], [1, 9], start=1000)
    plain.run(90)
    house = House([1], [1, 9], start=start)
    house.run(90)
    assert [(r.at, r.address, r.kind) for r in house.requests] == [(r.at, r.address, r.kind) for r in plain.requests]
    counts = {}
    for run in (plain, house):
        for m in run.messages:
            counts.setdefault((m.topic, m.retain), [0, 0])[run is house] += 1
    assert {key: c for key, c in counts.items() if c[0] != c[1]} == {}
