"""What is published: topics, retain flags, JSON, flat topics, and messages that do not fit."""

from __future__ import annotations

import collections
import json
import re

from core_house import House, Message, states

from jkbridge.simulator import Battery, Day, Line, Slave
from jkcore import message as core_message

RETAINED = {"availability", "settings", "about"}


def busy_house(**more) -> House:
    """Two packs, an alarm that comes and goes, a setting that is changed: every topic there is."""
    house = House([1, 2], stories=[("default_password",), ()], **more)
    house.run(60)
    battery = house.line.slaves[2].battery
    battery.protection.forced.add("cell_overvoltage")
    battery.settings["cell_overvoltage_protection"] = 3555
    house.run(30)
    battery.protection.forced.clear()
    house.run(80)
    return house


# Topics


def test_topics_and_retain_flags_are_those_of_the_design():
    house = busy_house()
    seen = {(m.topic, m.retain) for m in states(house)}
    expected = {("jkbms/bridge/state", True), ("jkbms/bridge/info", True), ("jkbms/bridge/health", False)}
    for pack in (1, 2):
        expected |= {(f"jkbms/{pack}/{name}", True) for name in RETAINED}
        expected |= {(f"jkbms/{pack}/{name}", False) for name in ("live", "link")}
    expected.add(("jkbms/2/event", False))
    assert seen == expected
    assert all(m.retain for m in house.discovery())
    assert {m.topic.split("/")[1] for m in house.discovery()} == {"sensor", "binary_sensor", "event"}


def test_every_payload_is_json_or_a_word():
    house = busy_house(flat=False)
    for m in house.messages:
        if m.topic.endswith(("/state", "/availability")):
            assert m.payload in ("online", "offline")
        elif m.payload or not m.topic.startswith("homeassistant/"):
            assert isinstance(json.loads(m.payload), dict), m.topic


def test_base_and_prefix_are_the_users():
    house = House([1], base="Haus_2-x", discovery={"prefix": "ha/disc", "status": "ha/state"})
    house.run(40)
    assert {m.topic.split("/")[0] for m in house.messages} == {"Haus_2-x", "ha"}
    assert house.bridge.will_topic == b"Haus_2-x/bridge/state"
    assert house.bridge.will_payload == b"offline"
    assert b"ha/state" in house.bridge.subscriptions()


def test_live_values_come_once_per_answer_and_agree_with_the_pack():
    house = House([1], interval=2)
    house.run(100)
    answered = len(house.line.slaves[1].sent["live"])
    told = house.payloads("jkbms/1/live")
    assert len({t["system_ticks"] for t in told}) == answered
    assert answered >= len(house.asked(1)) - 1  # the last answer may be under way


def test_link_and_health_come_every_ten_seconds():
    house = House([1], [1, 3])
    house.run(125)
    for topic in ("jkbms/1/link", "jkbms/3/link", "jkbms/bridge/health"):
        times = [m.at for m in house.of(topic)]
        assert 12 <= len(times) <= 16, topic
        assert max(b - a for a, b in zip(times, times[1:], strict=False)) <= 10_600, topic
    link = house.payloads("jkbms/1/link")[-1]
    assert 0 <= link["age"] <= 5.5
    assert 4900 < link["turn"] < 5400
    assert link["requests"] == link["answers"] > 20
    assert {"retries", "timeouts", "no_ack", "wrong_address", "exceptions", "damaged", "implausible"} <= set(link)
    silent = house.payloads("jkbms/3/link")[-1]
    assert silent["age"] is None
    assert silent["timeouts"] > 3
    health = house.payloads("jkbms/bridge/health")[-1]
    assert health["instance"] == "aabbccdd"
    assert 120 <= health["uptime"] <= 126
    assert (health["packs"], health["packs_online"]) == (2, 1)
    bus = health["bus"][0]
    assert bus["state"] == "polling"
    assert 0 <= link["answers"] - bus["frames"] <= 1  # the two are told at different moments
    assert bus["bytes_in"] == 308 * bus["frames"]
    assert sum(bus["rejected"].values()) == 0


def test_home_figures_are_in_health():
    house = House([1])
    house.bridge.measured(50_000, 12, 3)
    house.bridge.measured(48_000, 30, 4)
    house.bridge.measured(49_000, 20, 4)
    house.run(15)
    health = house.payloads("jkbms/bridge/health")[-1]
    assert (health["heap_free"], health["heap_low"], health["loop_gap"]) == (49_000, 48_000, 20)
    assert health["mqtt_reconnects"] == 4
    assert house.payloads("jkbms/bridge/info")[0]["runtime"] == "CPython"


def test_info_tells_the_configuration_without_secrets():
    house = House([1], mqtt={"host": "broker.lan", "user": "USERNAME1", "password": "PASSWORD1", "tls": True,
                             "ca": "/secret/place/ca.crt"})  # fmt: skip
    house.run(5)
    info = house.payloads("jkbms/bridge/info")[0]
    assert info["version"]
    assert info["instance"] == "aabbccdd"
    text = json.dumps(info)
    assert "broker.lan" in text
    for secret in ("USERNAME1", "PASSWORD1", "secret/place"):
        assert secret not in text


# Flat topics


def test_flat_topics_say_what_the_json_says():
    house = House([1, 2], flat=True, interval=2)
    house.run(60)
    for pack in (1, 2):
        live = [(m.at, json.loads(m.payload)) for m in house.of(f"jkbms/{pack}/live")]
        last_at, last = live[-1]
        flat = {
            m.topic.rsplit("/", 1)[1]: m
            for m in states(house)
            if re.fullmatch(rf"jkbms/{pack}/[a-z0-9_]+", m.topic) and m.at >= last_at
        }
        fields = set(last) - {"alarm_list"}
        assert fields <= set(flat), fields - set(flat)
        for name in fields:
            m = flat[name]
            assert not m.retain
            value = last[name]
            text = "null" if value is None else value if isinstance(value, str) else None
            if text is None:
                assert float(m.payload) == value, name
            else:
                assert m.payload == text
    per_round = collections.Counter(m.topic for m in states(house))
    assert per_round["jkbms/1/soc"] == per_round["jkbms/1/live"]
    assert per_round["jkbms/2/cell_voltage_16"] == per_round["jkbms/2/live"]


def test_flat_topics_are_complete_when_the_session_is_slow():
    """One message a turn: every value of every pack comes all the same, and none is left for ever."""
    house = House([1, 2, 3], flat=True, interval=5)
    house.taking = False
    for _ in range(6000):
        house.turn()
        message = house.bridge.message
        if house.bridge.next_message(house.now):
            topic = bytes(message.buf[7 : message.topic_end]).decode()
            payload = bytes(message.buf[message.topic_end : message.end]).decode()
            house.messages.append(Message(house.elapsed, topic, payload, message.retain))
        house.elapsed += 10
    for pack in (1, 2, 3):
        fields = set(house.payloads(f"jkbms/{pack}/live")[-1]) - {"alarm_list"}
        seen = {m.topic.rsplit("/", 1)[1] for m in states(house, 30_000) if m.topic.startswith(f"jkbms/{pack}/")}
        assert fields <= seen, f"pack {pack} lacks {sorted(fields - seen)[:5]}"


# What does not fit


def test_settings_are_complete_as_soon_as_the_firmware_is_known():
    """A backup made in the first seconds of a bridge lacked what depends on the firmware."""
    house = House([1], firmware="15.30")
    house.run(60, until=lambda: bool(house.of("jkbms/1/about")))
    house.run(0.2)
    assert "discharge_ocp_2" in house.payloads("jkbms/1/settings")[-1]


def test_a_message_that_does_not_fit_is_dropped_and_counted(monkeypatch):
    """With a buffer that is too small for the live message everything else still comes."""
    monkeypatch.setattr(core_message, "SIZE", 1500)
    house = House([1])
    house.run(60)
    assert house.of("jkbms/1/live") == []
    assert house.of("jkbms/1/availability")[-1].payload == "online"
    health = house.payloads("jkbms/bridge/health")[-1]
    assert health["messages_dropped"] >= 11
    for m in house.messages:
        if m.payload.startswith("{"):
            json.loads(m.payload)


def test_packs_of_32_cells_fit_too():
    line = Line(latency_ms=(5, 5), paced=True)
    line.add(Slave(15, Battery("19.27", cells=32, day=Day(0), seed=1)))
    house = House([15], line=line, base="B" * 32, pack=[{"address": 15, "name": "N" * 40}])
    house.run(60)
    base = "B" * 32
    assert len(house.payloads(f"{base}/15/live")[-1]) > 100
    assert house.payloads(f"{base}/bridge/health")[-1]["messages_dropped"] == 0
    assert len([m for m in house.discovery() if "cell_voltage_" in m.topic and m.payload]) >= 32


def test_fifteen_packs_at_interval_0_are_all_told():
    house = House(range(1, 16), interval=0)
    house.run(180)
    for pack in range(1, 16):
        for name in ("live", "settings", "about", "availability", "link"):
            assert house.of(f"jkbms/{pack}/{name}"), (pack, name)
        assert house.of(f"jkbms/{pack}/availability")[-1].payload == "online"
    assert house.payloads("jkbms/bridge/health")[-1]["messages_dropped"] == 0
