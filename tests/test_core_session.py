"""Around the MQTT session: order after a connect, Home Assistant's birth, alarms and settings as events, the end."""

from __future__ import annotations

import collections
import json

import pytest
from core_house import House, Message, reconnected, states

RETAINED = {"availability", "settings", "about"}


# Around the session


def order(messages: list[Message]) -> list[str]:
    """What came, as words, repetitions folded."""
    words: list[str] = []
    for m in messages:
        name = "discovery" if m.topic.startswith("homeassistant/") else m.topic.removeprefix("jkbms/")
        if not words or words[-1] != name:
            words.append(name)
    return words


def test_nothing_is_said_before_the_session():
    house = House([1], connect=False)
    house.run(30)
    assert not house.bridge.next_message(house.now)
    assert house.messages == []


def test_order_after_the_first_connect():
    house = House([1, 2])
    house.run(1.9)
    words = order([m for m in house.messages if not m.topic.endswith("/link")])  # not retained, comes when due
    assert words[0] == "discovery"
    assert words[1:] == ["1/availability", "2/availability", "bridge/state", "bridge/info"] or words[1:] == [
        "1/availability", "2/availability", "bridge/state", "bridge/info", "bridge/health",
    ]  # fmt: skip
    assert {m.payload for m in house.messages if m.topic.endswith("availability")} == {"offline"}


def test_a_pack_is_available_with_its_first_good_frame_of_this_run():
    house = House([1], [1, 5])
    house.run(60)
    words = [(m.at, m.payload) for m in house.of("jkbms/1/availability")]
    assert words[0][1] == "offline"
    online = next(at for at, word in words if word == "online")
    assert online >= house.requests[0].at
    assert [w for _, w in words].count("offline") == len([at for at, w in words if at < online])
    first = house.of("jkbms/1/live")[0].at
    assert abs(first - online) <= 5
    assert {m.payload for m in house.of("jkbms/5/availability")} == {"offline"}


def test_order_after_a_reconnect():
    """Discovery, availability, retained states, then online; the states once more about a second later."""
    house = House([1, 2])
    house.run(60)
    known = {m.topic for m in house.discovery() if m.payload}
    start = reconnected(house)
    after = [m for m in house.messages if m.at >= start]
    online = next(i for i, m in enumerate(after) if m.topic == "jkbms/bridge/state")
    assert after[online].payload == "online"
    before = after[:online]
    assert {m.topic for m in before if m.topic.startswith("homeassistant/")} == known
    retained = [m.topic for m in before if m.retain and not m.topic.startswith("homeassistant/")]
    assert sorted(retained) == sorted(f"jkbms/{p}/{n}" for p in (1, 2) for n in RETAINED)
    last_discovery = max(i for i, m in enumerate(before) if m.topic.startswith("homeassistant/"))
    assert all(i > last_discovery for i, m in enumerate(before) if m.topic in retained)
    again = [m for m in after[online + 1 :] if m.topic in retained]
    assert {m.topic for m in again} == set(retained)
    assert all(900 <= m.at - after[online].at <= 1600 for m in again if m.at - after[online].at < 5000)
    live_again = [m for m in after if m.topic == "jkbms/1/live" and 900 <= m.at - after[online].at <= 1600]
    assert live_again, "what is not retained was lost on Home Assistant too"


def test_while_the_session_is_away_nothing_is_queued():
    house = House([1], interval=1)
    house.run(30)
    house.bridge.disconnected(house.now)
    house.taking = False
    house.run(120)
    house.taking = True
    house.bridge.connected(house.now)
    start = house.elapsed
    house.run(0.9)
    told = [m for m in house.messages if m.topic == "jkbms/1/live" and m.at >= start]
    assert len(told) <= 3
    ticks = house.line.slaves[1].sent["live"][-2]["system_ticks"]
    assert all(json.loads(m.payload)["system_ticks"] * 10 >= ticks - 0.5 for m in told)


def test_a_session_that_takes_nothing_gets_the_newest_afterwards():
    """A broker that stalls: no old value afterwards, and memory does not grow."""
    house = House([1, 2], interval=1)
    house.run(30)
    house.taking = False
    house.run(100)
    house.taking = True
    count = len(house.messages)
    house.take()
    told = house.messages[count:]
    assert len([m for m in told if m.topic == "jkbms/1/live"]) == 1
    assert len(told) < 20


def test_the_bridge_does_not_stay_offline_for_a_long_announcement():
    """A device announces 10 entities a second: online after 10 s at the latest, the rest follows."""
    house = House(range(1, 5), per_second=10)
    house.run(120)
    start = reconnected(house, seconds=120)
    online = next(m.at for m in house.of("jkbms/bridge/state") if m.at >= start)
    assert 9_000 <= online - start <= 11_000
    # Meanwhile values flow.
    flowing = [m for m in house.messages if m.topic == "jkbms/1/live" and start <= m.at <= online]
    assert flowing
    topics = collections.Counter(m.topic for m in house.discovery() if m.at >= start)
    assert set(topics) == {m.topic for m in house.discovery() if m.payload}
    assert max(topics.values()) == 1


def test_birth_of_home_assistant_announces_everything_again():
    house = House([1, 2])
    house.run(60)
    known = {m.topic: m.payload for m in house.discovery() if m.payload}
    start = house.elapsed
    house.receive("homeassistant/status", "online")
    house.run(30)
    again = {m.topic: m.payload for m in house.discovery() if m.at >= start}
    assert again == known
    retained = {m.topic for m in states(house, start) if m.retain}
    assert {f"jkbms/{p}/{n}" for p in (1, 2) for n in RETAINED} <= retained
    last = max(m.at for m in house.discovery() if m.at >= start)
    # Home Assistant subscribes a little after it has heard of an entity.
    for topic in ("jkbms/1/live", "jkbms/2/settings", "jkbms/1/availability"):
        assert [m for m in house.of(topic) if last + 500 <= m.at <= last + 2000], topic


@pytest.mark.parametrize(("topic", "payload", "retained"), [
    ("homeassistant/status", "offline", False), ("homeassistant/status", "online", True),
    ("homeassistant/status", "on" * 300, False), ("homeassistant/status", "", False), ("other/topic", "online", False),
    ("jkbms/bridge/health", "no json", False), ("x/y", "x" * 600, False), ("jkbms/bridge/state", "", False),
])  # fmt: skip
def test_other_messages_change_nothing(topic, payload, retained):
    house = House([1])
    house.run(60)
    start = house.elapsed
    house.receive(topic, payload, retained)
    house.run(20)
    assert [m for m in house.discovery() if m.at >= start] == []
    assert len([m for m in house.of("jkbms/1/live") if m.at >= start]) >= 4


def test_births_in_a_row_do_not_pile_up():
    house = House([1])
    house.run(60)
    one = len({m.topic for m in house.discovery() if m.payload})
    start = house.elapsed
    for _ in range(10):
        house.receive("homeassistant/status", "online")
        house.run(0.5)
    house.run(60)
    assert len([m for m in house.discovery() if m.at >= start]) <= 10 * 30 + one + 10


@pytest.mark.parametrize(("per_second", "limit"), [(50, 51), (10, 11)])
def test_discovery_is_paced(per_second, limit):
    house = House([1, 2], per_second=per_second, latency_ms=(5, 5))
    house.run(90, step=1)
    times = [m.at for m in house.discovery()]
    assert len(times) > 300
    for i, start in enumerate(times):
        assert sum(1 for at in times[i : i + limit + 5] if at < start + 1000) <= limit


def test_discovery_can_be_switched_off():
    house = House([1], discovery={"enabled": False})
    house.run(60)
    assert house.discovery() == []
    assert b"homeassistant/status" not in house.bridge.subscriptions()
    words = [m.payload for m in house.of("jkbms/bridge/state")]
    assert words == ["online"]
    assert len(house.of("jkbms/1/live")) >= 11
    start = reconnected(house)
    online = [m.at for m in house.of("jkbms/bridge/state") if m.at >= start]
    assert online[0] - start < 1500
    assert {m.topic for m in states(house, start) if m.retain} >= {f"jkbms/1/{n}" for n in RETAINED}


# Events


def test_alarms_as_events():
    house = House([1])
    battery = house.line.slaves[1].battery
    house.run(30)
    battery.protection.forced.add("cell_overvoltage")
    house.run(20)
    battery.protection.forced.update(("pack_overvoltage", "change_password"))
    house.run(20)
    battery.protection.forced = {"change_password"}
    house.run(20)
    events = house.payloads("jkbms/1/event")
    assert [(e["event_type"], sorted(e["alarms"])) for e in events] == [
        ("alarm_raised", ["cell_overvoltage"]),
        ("alarm_raised", ["change_password", "pack_overvoltage"]),
        ("alarm_cleared", ["cell_overvoltage", "pack_overvoltage"]),
    ]
    assert not any(m.retain for m in house.of("jkbms/1/event"))
    said = [s.text for s in house.said if "alarm" in s.text]
    assert any("cell overvoltage" in text for text in said)


def test_alarms_of_the_first_frame_are_no_event():
    house = House([1], stories=[("default_password",)])
    house.run(60)
    assert house.of("jkbms/1/event") == []
    assert any("change password" in s.text for s in house.said if s.level >= 30)
    start = reconnected(house)
    assert [m for m in house.of("jkbms/1/event") if m.at >= start] == []


def test_an_alarm_while_the_broker_is_away_is_told_once_it_is_back():
    house = House([1])
    house.run(30)
    house.bridge.disconnected(house.now)
    house.taking = False
    house.line.slaves[1].battery.protection.forced.add("cell_overvoltage")
    house.run(30)
    house.taking = True
    house.bridge.connected(house.now)
    house.run(30)
    assert [e["alarms"] for e in house.payloads("jkbms/1/event")] == [["cell_overvoltage"]]


def test_every_setting_changed_at_once_is_one_valid_event():
    house = House([1])
    house.run(60)
    settings = house.line.slaves[1].battery.settings
    for name in list(settings):
        settings[name] += 1
    house.run(80)
    events = [e for e in house.payloads("jkbms/1/event") if e["event_type"] == "setting_changed"]
    assert len(events) == 1
    assert len(events[0]["changed"]) > 30


# The end


def test_stop_says_offline_and_then_nothing():
    house = House([1, 2])
    house.run(60)
    count = len(house.messages)
    house.bridge.stop(house.now)
    house.take()
    told = [(m.topic, m.payload, m.retain) for m in house.messages[count:]]
    assert told == [
        ("jkbms/1/availability", "offline", True),
        ("jkbms/2/availability", "offline", True),
        ("jkbms/bridge/state", "offline", True),
    ]
    count = len(house.messages)
    house.receive("homeassistant/status", "online")
    house.receive("jkbms/bridge/state", "offline")
    house.run(60)  # frames go on coming
    house.bridge.connected(house.now)
    house.run(5)
    assert house.messages[count:] == []


def test_stop_while_the_offline_messages_wait_for_the_session():
    """A frame that comes between stop() and the last offline message does not bring a pack back."""
    house = House([1], interval=0)
    house.run(30)
    count = len(house.messages)
    house.bridge.stop(house.now)
    house.taking = False
    house.run(3)
    house.taking = True
    house.take()
    told = [(m.topic, m.payload) for m in house.messages[count:]]
    assert told == [("jkbms/1/availability", "offline"), ("jkbms/bridge/state", "offline")]


def test_stop_without_a_session_says_nothing():
    house = House([1], connect=False)
    house.run(10)
    house.bridge.stop(house.now)
    assert not house.bridge.next_message(house.now)


def test_stop_before_the_announcement_is_over():
    house = House([1])
    house.run(1.1)
    house.bridge.stop(house.now)
    count = len(house.messages)
    house.run(5)
    assert [m.payload for m in house.messages[count:]] == ["offline", "offline"]
