"""Home Assistant discovery: every message is one that Home Assistant accepts, and reads what is really published."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from core_discovery import announced, battery, fields, house_of
from core_house import House

# Home Assistant's MQTT sensor: units and state classes allowed by device class (notes/homeassistant.md section 7).
DEVICE_CLASSES: dict[str, tuple[set[str], set[str]]] = {
    "voltage": ({"µV", "mV", "V", "kV", "MV"}, {"measurement"}),
    "current": ({"mA", "A"}, {"measurement"}),
    "power": ({"mW", "W", "kW"}, {"measurement"}),
    "energy": ({"Wh", "kWh"}, {"total", "total_increasing"}),
    "battery": ({"%"}, {"measurement"}),
    "temperature": ({"°C"}, {"measurement"}),
    "duration": ({"d", "h", "min", "s", "ms", "µs"}, {"measurement", "total", "total_increasing"}),
}
BINARY_CLASSES = {"problem", "running", "connectivity", "battery_charging", "power", "heat", "plug"}
FREE_UNITS = {"Ah", "Ω", "µΩ", "%", "mΩ"}
KNOWN_KEYS = {
    "name", "uniq_id", "def_ent_id", "stat_t", "val_tpl", "dev_cla", "stat_cla", "unit_of_meas", "sug_dsp_prc", "ops",
    "ent_cat", "en", "exp_aft", "avty", "avty_mode", "dev", "o", "ic", "evt_typ", "pl_on", "pl_off",
}  # fmt: skip


VARIANTS = {
    "14.20": battery("14.20"),
    "15.30, 8 cells, two probes": battery("15.30", cells=8, probes=(1, 2)),
    "15.41": battery("15.41"),
    "19.27, 24 cells": battery("19.27", cells=24, stories=("default_password",)),
    "19.27, 32 cells, no probes": battery("19.27", cells=32, probes=()),
}


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def house(request):
    made = house_of(VARIANTS[request.param])
    made.run(90)
    return made


def test_topics_and_ids(house):
    seen = set()
    for topic, payload in announced(house).items():
        prefix, component, node, field, config = topic.split("/")
        assert (prefix, config) == ("homeassistant", "config")
        assert component in ("sensor", "binary_sensor", "event")
        assert re.fullmatch(r"[A-Za-z0-9_-]+", node)
        assert re.fullmatch(r"[A-Za-z0-9_-]+", field)
        assert payload["uniq_id"] == f"{node}_{field}"
        assert node in ("jkbms_1", "jkbms_bridge")
        assert payload["def_ent_id"] == f"{component}.{node}_{field}"
        assert re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", payload["def_ent_id"])
        assert payload["uniq_id"] not in seen
        seen.add(payload["uniq_id"])
    assert len(seen) > 60


def test_only_keys_that_home_assistant_knows(house):
    for topic, payload in announced(house).items():
        assert set(payload) <= KNOWN_KEYS, topic
        assert {"name", "uniq_id", "def_ent_id", "stat_t", "dev", "o"} <= set(payload), topic
        assert set(payload["dev"]) <= {"ids", "name", "mf", "mdl", "sw", "hw", "via_device"}, topic
        assert payload["o"]["name"] == "jkbridge"


def test_no_message_is_announced_twice_at_the_start(house):
    topics = [m.topic for m in house.discovery() if m.payload]
    assert len(topics) == len(set(topics))


def test_names_are_plain_english_without_the_device(house):
    names: dict[tuple[str, str], str] = {}
    for topic, payload in announced(house).items():
        name = payload["name"]
        assert name == name.strip()
        assert 3 <= len(name) <= 50, name
        assert name[0].isupper(), name
        assert "_" not in name, name
        assert payload["dev"]["name"].lower() not in name.lower()
        key = (payload["dev"]["ids"][0], name)
        assert key not in names, f"{topic} and {names[key]} are both called {name}"
        names[key] = topic


def test_devices(house):
    about = house.payloads("jkbms/1/about")[-1]
    for topic, payload in announced(house).items():
        device = payload["dev"]
        if "/jkbms_bridge/" in topic:
            assert device["ids"] == ["jkbms_bridge"]
            assert "via_device" not in device
            assert device["name"]
        else:
            assert device["ids"] == ["jkbms_1"]
            assert device["via_device"] == "jkbms_bridge"
            assert device["name"] == "JK pack 1"
            assert device["mdl"] == about["model"]
            assert device["sw"] == about["software_version"]
            assert device["hw"] == about["hardware_version"]


def test_availability(house):
    """The bridge's will and the pack; what tells about the bridge or the link itself does without the pack's."""
    for topic, payload in announced(house).items():
        topics = [a["t"] for a in payload.get("avty", [])]
        state = payload["stat_t"]
        if state == "jkbms/bridge/state":
            assert topics == []
        elif state.startswith("jkbms/bridge/") or state in ("jkbms/1/link", "jkbms/1/event"):
            assert topics == ["jkbms/bridge/state"], topic
        else:
            assert topics == ["jkbms/bridge/state", "jkbms/1/availability"], topic
        assert len(topics) < 2 or payload["avty_mode"] == "all"


def test_templates_read_keys_that_are_really_published(house):
    for topic, payload in announced(house).items():
        template = payload.get("val_tpl", "")
        messages = house.of(payload["stat_t"])
        if payload["stat_t"].endswith("/event"):
            continue
        assert messages, f"{topic} reads {payload['stat_t']}, where nothing was published"
        if not template:
            assert payload["stat_t"].endswith("/state")
            continue
        assert "default(" in template, topic
        last = json.loads(messages[-1].payload)
        keys = re.findall(r"value_json\.([A-Za-z0-9_]+)", template)
        assert keys
        for key in keys:
            assert key in last, f"{topic}: {key} is not in {payload['stat_t']}"
        field = topic.split("/")[3]
        simple = f"{{{{ value_json.{field}|default(none) }}}}"
        if payload["stat_t"].endswith(("/live", "/settings", "/about")) and field not in ("problem", "alarm_list"):
            assert template == simple


def test_nothing_that_is_published_of_a_pack_lacks_an_entity_without_a_reason(house):
    """Raw and repeated values only: the rest of what a user sees in JSON is an entity."""
    raw = {"cell_mask", "alarm_list", "cell_count"}
    for name in ("live", "settings", "about"):
        missing = set(house.payloads(f"jkbms/1/{name}")[-1]) - fields(house) - raw
        assert missing == set(), name


def value_of(house: House, payload: dict[str, Any], field: str) -> Any:
    if payload["stat_t"].endswith(("/live", "/settings", "/about")):
        return json.loads(house.of(payload["stat_t"])[-1].payload).get(field)
    return None


def test_sensors_have_units_and_classes_that_fit(house):
    for topic, payload in announced(house).items():
        _, component, _, field, _ = topic.split("/")
        if component != "sensor":
            continue
        unit, cls, state = payload.get("unit_of_meas"), payload.get("dev_cla"), payload.get("stat_cla")
        if cls == "enum":
            assert payload["ops"]
            assert unit is None
            assert state is None
            assert value_of(house, payload, field) in [*payload["ops"], None]
            continue
        assert "ops" not in payload, topic
        if cls is not None:
            units, states = DEVICE_CLASSES[cls]
            assert unit in units, topic
            assert state is None or state in states, topic
        elif unit is not None:
            assert unit in FREE_UNITS, topic
        assert state in (None, "measurement", "total", "total_increasing"), topic
        if isinstance(value_of(house, payload, field), str):
            assert unit is None, topic
            assert state is None, topic
            assert "sug_dsp_prc" not in payload, topic
        elif unit is not None or state is not None:
            assert type(payload["sug_dsp_prc"]) is int, topic
            assert 0 <= payload["sug_dsp_prc"] <= 3, topic


def test_binary_sensors_read_on_and_off(house):
    for topic, payload in announced(house).items():
        if topic.split("/")[1] != "binary_sensor":
            continue
        assert payload.get("dev_cla", "problem") in BINARY_CLASSES, topic
        for key in ("unit_of_meas", "stat_cla", "sug_dsp_prc", "ops"):
            assert key not in payload, topic
        field = topic.split("/")[3]
        if field not in ("problem", "connection"):
            assert value_of(house, payload, field) in ("ON", "OFF"), topic


def test_categories(house):
    for topic, payload in announced(house).items():
        assert payload.get("ent_cat") in (None, "diagnostic"), topic
        assert payload.get("en") in (None, False), topic
        if payload.get("en") is False:
            assert payload["ent_cat"] == "diagnostic", topic
    by_field = {t.split("/")[3]: p for t, p in announced(house).items()}
    primary = ("pack_voltage", "current", "power", "soc", "cell_voltage_1", "cell_voltage_delta", "charge_mos")
    for field in primary:
        assert "ent_cat" not in by_field[field], field
        assert "en" not in by_field[field], field
    for field in ("cell_wire_resistance_1", "system_ticks", "timer_uvp_release", "smart_sleep_voltage"):
        assert by_field[field]["en"] is False, field
    batteries = [f for f, p in by_field.items() if p.get("dev_cla") == "battery"]
    assert batteries == ["soc"], "one battery symbol per device"
    assert by_field["cell_voltage_1"]["sug_dsp_prc"] == 3
    assert by_field["total_runtime"]["sug_dsp_prc"] == 0


def test_only_live_entities_expire(house):
    for topic, payload in announced(house).items():
        if payload["stat_t"].endswith("/live"):
            assert payload["exp_aft"] == 60, topic
        else:
            assert "exp_aft" not in payload, topic


@pytest.mark.parametrize(("interval", "seconds"), [(0, 60), (10, 60), (60, 210), (3600, 10830)])
def test_live_entities_expire_after_at_least_three_intervals(interval, seconds):
    made = house_of(battery(), interval=interval)
    made.run(40)
    times = {p["exp_aft"] for p in announced(made).values() if "exp_aft" in p}
    assert times == {seconds}
    assert seconds >= 3 * interval


def test_messages_are_small(house):
    assert max(len(m.payload) for m in house.discovery()) < 1000


def test_the_event_entity_knows_every_event_type():
    made = house_of(battery())
    made.run(60)
    pack = made.line.slaves[1].battery
    pack.protection.forced.add("cell_overvoltage")
    pack.settings["cell_overvoltage_protection"] = 3555
    made.run(80)
    pack.protection.forced.clear()
    made.run(30)
    types = {e["event_type"] for e in made.payloads("jkbms/1/event")}
    assert types == {"alarm_raised", "alarm_cleared", "setting_changed"}
    entity = announced(made)["homeassistant/event/jkbms_1/event/config"]
    assert set(entity["evt_typ"]) == types
    assert "val_tpl" not in entity


def test_counters_that_only_grow_are_told_so():
    made = house_of(battery())
    made.run(60)
    by_field = {t.split("/")[3]: p for t, p in announced(made).items()}
    for field in ("cycle_count", "cycle_capacity", "total_runtime"):
        assert by_field[field]["stat_cla"] == "total_increasing", field
    for field in ("soc", "pack_voltage", "current", "power", "temperature_1", "capacity_remaining"):
        assert by_field[field]["stat_cla"] == "measurement", field
