"""Anything may happen in any order: nothing raises, what is published is well-formed, and afterwards all is well."""

from __future__ import annotations

import json

import core_bytes as cb
from core_house import House
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jkbridge.simulator import FAULT_KINDS

TOPICS = ("jkbms/bridge/state", "jkbms/bridge/health", "jkbms/bridge/info", "homeassistant/status", "other")
PAYLOADS = ("online", "offline", "", "{}", '{"instance":"eeeeeeee"}', '{"instance":"aabbccdd"}', "x" * 600)
WORDS = st.one_of(
    st.tuples(st.just("run"), st.integers(1, 8000)),
    st.tuples(st.just("run"), st.integers(1, 300)),
    st.tuples(st.just("jump"), st.integers(0, 5 * 24 * 3600 * 1000)),
    st.tuples(st.just("fault"), st.sampled_from(sorted(FAULT_KINDS))),
    st.tuples(st.just("calm"), st.none()),
    st.tuples(st.just("inject"), st.binary(max_size=400)),
    st.tuples(st.just("frame"), st.integers(0, 15)),
    st.tuples(st.just("connect"), st.none()),
    st.tuples(st.just("disconnect"), st.none()),
    st.tuples(st.just("stall"), st.booleans()),
    st.tuples(st.just("opened"), st.none()),
    st.tuples(st.just("closed"), st.none()),
    st.tuples(st.just("received"), st.tuples(st.sampled_from(TOPICS), st.sampled_from(PAYLOADS), st.booleans())),
    st.tuples(st.just("deaf"), st.integers(0, 400)),
)


def act(house: House, what: str, how) -> None:
    """One thing happens to the bridge."""
    if what == "run":
        house.run(how / 1000)
    elif what == "jump":
        house.elapsed += how
        house.turn()  # no two jumps may add up to more than 2**29 ms
    elif what == "fault":
        house.line.fault(how, rate=0.4)
    elif what == "calm":
        house.line.faults.clear()
    elif what == "inject":
        house.line.inject(how, house.now)
    elif what == "frame":
        house.line.inject(cb.unit(cb.live(), how), house.now)
    elif what == "connect":
        house.taking = True
        house.bridge.connected(house.now)
    elif what == "disconnect":
        house.taking = False
        house.bridge.disconnected(house.now)
    elif what == "stall":
        house.taking = how
    elif what == "opened":
        house.bus.opened(house.now)
    elif what == "closed":
        house.bus.closed(house.now, "pulled")
    elif what == "received":
        house.receive(how[0], how[1], how[2])
    else:
        house.deaf_ms = how


def check_messages(house: House) -> None:
    for m in house.messages:
        if m.payload.startswith("{"):
            json.loads(m.payload)
        else:
            assert m.payload in ("online", "offline", "") or "/" in m.topic
        assert "event" not in m.topic.split("/")[-1:] or not m.retain
        assert not (m.topic.endswith("/live") and m.retain)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(WORDS, min_size=3, max_size=25), st.sampled_from([1000, 0x1FFFFFF0, 0x3FFFFF00]), st.booleans())
def test_after_any_chaos_the_bridge_recovers(words, start, flat):
    house = House([1, 4], [1, 4, 6], interval=2, start=start, flat=flat)
    for what, how in words:
        act(house, what, how)
    check_messages(house)
    # The storm is over: line and broker are well again.
    house.line.faults.clear()
    house.deaf_ms = 0
    house.bus.opened(house.now)
    house.bridge.disconnected(house.now)
    house.taking = True
    house.bridge.connected(house.now)
    # Whoever was heard on this base must have been silent for a minute, and a pack that was called a double for
    # another one.
    house.run(150)
    retained = {m.topic: m.payload for m in house.messages if m.retain}
    assert retained["jkbms/bridge/state"] == "online"
    assert [retained[f"jkbms/{pack}/availability"] for pack in (1, 4, 6)] == ["online", "online", "offline"]
    house.messages.clear()
    start_of_calm = house.elapsed
    house.run(40)
    for pack in (1, 4):
        live = [m for m in house.of(f"jkbms/{pack}/live") if m.at >= start_of_calm]
        assert len(live) >= 17, f"pack {pack} is told {len(live)} times in 40 s"
        told = json.loads(live[-1].payload)
        newest = house.line.slaves[pack].sent["live"][-1]
        assert abs(told["system_ticks"] * 10 - newest["system_ticks"]) <= 25
    assert house.packs[1].online
    assert house.packs[4].online
    assert not house.packs[6].online
    check_messages(house)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(WORDS, min_size=1, max_size=15))
def test_stop_in_any_state_ends_with_offline_or_silence(words):
    house = House([1, 4], interval=2)
    for what, how in words:
        act(house, what, how)
    house.messages.clear()
    house.bridge.stop(house.now)
    house.take()
    assert {m.payload for m in house.messages} <= {"offline"}
    if house.messages:
        assert house.messages[-1].topic == "jkbms/bridge/state"
    house.messages.clear()
    house.run(20)
    assert house.messages == []
