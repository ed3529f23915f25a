"""CAN buses of a whole bridge on the simulator's bus: truth, faults, look-alikes; one battery on RS485 and CAN."""

from __future__ import annotations

import json

import pytest
from core_street import Street

from jkbridge.simulator import make_can, make_line
from jkcore.clock import since
from jkcore.fields import table

# What a message on CAN says is at most that old when a live message tells it, and the model moves on meanwhile.
NEAR = {"pack_voltage": 200, "current": 3000, "soc": 1, "capacity_remaining": 300, "total_runtime": 6}


def live_of(street, pack="0"):
    return street.payloads(f"jkbms/{pack}/live")[-1]


def raw(live, name):
    """A published number in the integers of the truth."""
    for block in (2, 0):
        row = table.find(name, block)
        if row >= 0:
            value = live[name]
            return int(value == "ON") if value in ("ON", "OFF") else round(value * 10 ** table.at(row).decimals)
    raise AssertionError(name)


@pytest.mark.parametrize("cells", [4, 8, 16, 24, 25])
def test_what_is_published_is_what_the_pack_says(cells):
    line = make_can([0, 3], cells=cells, stories=[()])
    street = Street([line])
    street.run(25)
    for address in (0, 3):
        live = live_of(street, str(address))
        truth = line.packs[address].truth(street.now)
        at = [name for name in truth if name in live and name not in ("alarms",)]
        assert len(at) > 25 + cells
        for name in at:
            if name.startswith(("cell_m", "temperature_m", "balancing")):
                continue  # which of several alike
            near = NEAR.get(name, 12)
            assert abs(raw(live, name) - truth[name]) <= near, (name, live[name], truth[name])
        assert live["cell_count"] == cells
        assert f"cell_voltage_{cells + 1}" not in live
    # The simulator cuts tenths of a volt off, so that power is a little less than that of the cells.
    assert street.warnings() == []


def test_announced_is_what_the_pack_has():
    street = Street([make_can([0], cells=8)])
    street.run(30)
    live = live_of(street)
    rows = set()
    for message in street.messages:
        if message.topic.startswith("homeassistant/") and "/jkbms_0/" in message.topic:
            told = json.loads(message.payload)
            assert told["stat_t"].startswith("jkbms/0/")
            rows.add(message.topic.split("/")[-2])
    missing = {name for name in live if name not in rows} - {"cell_count", "alarm_list"}
    assert missing == set()
    assert "cell_voltage_8" in rows
    assert "cell_voltage_9" not in rows
    assert "cell_wire_resistance_1" not in rows
    assert not any(name.startswith("link_") for name in rows)
    device = json.loads(next(m.payload for m in street.messages if m.topic.endswith("jkbms_0/soc/config")))["dev"]
    assert device["name"] == "JK pack 0"
    assert device["ids"] == ["jkbms_0"]


def test_bursts_cut_in_the_middle_still_give_cells():
    line = make_can([0], cells=16)
    line.fault("lose", rate=0.2)
    street = Street([line], interval=1)
    street.run(90)
    with_cells = [live for live in street.payloads("jkbms/0/live") if "cell_voltage_16" in live]
    assert len(with_cells) > 60
    link = street.payloads("jkbms/0/link")[-1]
    assert link["cells_cut"] > 5
    assert link["cells_joined"] > 0


@pytest.mark.parametrize("fault", ["short", "remote", "error"])
def test_damage_is_counted_and_never_published(fault):
    line = make_can([0])
    line.fault(fault, start=12, rate=0.5)
    street = Street([line])
    street.run(40)
    rejected = street.payloads("jkbms/bridge/health")[-1]["bus"][0]["rejected"]
    assert rejected["errors" if fault == "error" else fault] > 50
    truth = line.packs[0].truth(street.now)
    assert abs(raw(live_of(street), "pack_voltage") - truth["pack_voltage"]) <= 200


def test_an_inverter_profile_is_only_foreign():
    street = Street([make_can([0, 1], version="pylon")])
    street.run(15)
    assert street.bridge.packs == []
    assert street.payloads("jkbms/bridge/health")[-1]["bus"][0]["rejected"]["foreign"] > 20


def test_two_packs_at_one_address_are_noticed():
    street = Street([make_can([0, 0])])
    street.run(60)
    assert [text for text in street.warnings() if "two batteries send with CAN address 0" in text]


def test_v1_and_both_signs():
    street = Street([make_can([0], version="v1", sign=-1)], bus=[{"sign": "inverted"}])
    street.run(20)
    live = live_of(street)
    truth = street.lines[0].packs[0].truth(street.now)
    assert abs(raw(live, "current") - truth["current"]) <= 3000
    assert raw(live, "discharge_time") == truth["discharge_time"]


def test_a_pack_of_an_earlier_run_is_told_offline_until_it_is_heard():
    street = Street([make_can([0])])
    street.bridge.received(b"jkbms/7/availability", b"online", True, False, street.now)
    street.run(12)
    assert [m.payload for m in street.of("jkbms/7/availability")][-1] == "offline"
    assert [m.payload for m in street.of("jkbms/0/availability")][-1] == "online"


def test_writes_to_a_pack_on_can_are_refused():
    street = Street([make_can([0])], writes="all")
    street.run(12)
    street.bridge.received(b"jkbms/0/set/charge_switch", b"ON", False, False, street.now)
    street.run(2)
    result = street.payloads("jkbms/0/result")[-1]
    assert result["status"] == "refused"
    assert "only listens" in result["reason"]


# one battery on two buses


def crossing(can_address=0, address=1, **more):
    rs485 = make_line([address], paced=True, latency_ms=(10, 10), stories=((),))
    bus = make_can([can_address], batteries=[rs485.slaves[address].battery])
    pair = [{"id": "1", "rs485": address, "can": can_address}]
    return Street([rs485, bus], pack=pair, **more)


def test_a_paired_battery_is_one_device():
    street = crossing()
    street.run(60)
    assert [pack.id for pack in street.bridge.packs] == [b"1"]
    topics = {m.topic.split("/")[1] for m in street.messages if m.topic.startswith("jkbms/")}
    assert topics == {"1", "bridge"}
    live = live_of(street, "1")
    assert live["pack_voltage"] * 1000 % 100 or live["cell_wire_resistance_1"]  # RS485 has millivolts
    assert "balance_current" in live  # RS485 alone
    assert "charge_request_voltage" in live
    assert "balancing" in live
    assert street.payloads("jkbms/1/settings")
    assert street.payloads("jkbms/1/about")
    lives = len(street.of("jkbms/1/live"))
    assert 10 <= lives <= 16  # once per interval, not once per bus
    assert street.warnings() == []
    found = {m.topic for m in street.messages if m.topic.startswith("homeassistant/")}
    assert not [topic for topic in found if "b2_" in topic or "b2-" in topic]


def test_can_takes_over_while_rs485_is_silent_and_back():
    street = crossing()
    street.run(40)
    street.plugged[0] = False
    start = street.elapsed
    street.run(40)
    lives = street.payloads("jkbms/1/live", start + 20_000)
    assert lives
    assert all("balance_current" not in live and "cell_voltage_16" in live for live in lives)
    assert [m.payload for m in street.of("jkbms/1/availability", start)] in ([], ["online"])
    assert [text for text in street.warnings() if "nothing good comes over RS485" in text]
    street.plugged[0] = True
    start = street.elapsed
    street.run(30)
    assert "balance_current" in live_of(street, "1")
    assert [said.text for said in street.said if "values come over RS485 again" in said.text]
    street.plugged[1] = False
    start = street.elapsed
    street.run(30)
    live = live_of(street, "1")
    assert "balance_current" in live
    assert "charge_request_voltage" not in live
    assert [m.payload for m in street.of("jkbms/1/availability", start)] in ([], ["online"])
    assert "now offline" not in "\n".join(street.warnings())
    assert [text for text in street.warnings() if "nothing comes over CAN any more" in text]


def test_an_alarm_that_only_one_bus_knows_does_not_end_because_that_is_silent():
    rs485 = make_line([1], paced=True, latency_ms=(10, 10), stories=(("default_password",),))
    battery = rs485.slaves[1].battery
    street = Street([rs485, make_can([0], batteries=[battery])], pack=[{"id": "1", "rs485": 1, "can": 0}])
    street.run(30)
    assert live_of(street, "1")["alarm_list"] == ["change_password"]
    for plugged in ([False, True], [True, True], [True, False], [True, True]):
        street.plugged = plugged
        street.run(40)
    assert street.payloads("jkbms/1/event") == []
    street.plugged = [False, True]
    street.run(40)
    battery.protection.forced.add("cell_overvoltage")  # both know it
    street.run(20)
    assert [event["alarms"] for event in street.payloads("jkbms/1/event")] == [["cell_overvoltage"]]


def test_with_both_silent_it_is_offline():
    street = crossing()
    street.run(30)
    street.plugged = [False, False]
    street.run(40)
    assert [m.payload for m in street.of("jkbms/1/availability")][-1] == "offline"
    assert len([text for text in street.warnings() if "now offline" in text]) >= 1
    street.plugged = [False, True]
    street.run(12)
    assert [m.payload for m in street.of("jkbms/1/availability")][-1] == "online"


def test_a_silent_source_does_not_take_entities_away():
    street = crossing()
    street.run(60)
    for plugged in ([False, True], [True, False], [True, True]):
        street.plugged = plugged
        street.run(40)
    empty = [m.topic for m in street.messages if m.topic.endswith("/config") and not m.payload]
    assert [topic for topic in empty if "cell_voltage_1/" in topic or "charge_request" in topic] == []


def test_a_wrong_pair_is_reported_once():
    rs485 = make_line([1], paced=True, latency_ms=(10, 10), stories=((),))
    street = Street([rs485, make_can([0], cells=8)], pack=[{"id": "1", "rs485": 1, "can": 0}])
    street.run(200)
    told = [text for text in street.warnings() if "contradicted each other" in text]
    assert len(told) == 1
    assert "pack_voltage" in told[0]
    assert "RS485 are published" in told[0]


def test_a_half_of_a_pair_that_is_never_heard_on_can_is_missed():
    rs485 = make_line([1], paced=True, latency_ms=(10, 10), stories=((),))
    street = Street([rs485, make_can([4])], pack=[{"id": "1", "rs485": 1, "can": 0}])
    street.run(60)
    assert len(street.warnings()) == 1
    assert street.warnings()[0].endswith(
        "pack 1 has not been heard on CAN: nothing comes from address 0, though something of others. Is it on, its CAN "
        "jack on this bus, its address right?"
    )


def test_two_batteries_of_a_bank_taken_for_each_other_are_known_by_their_run_times():
    rs485 = make_line([1], paced=True, latency_ms=(10, 10), stories=((),))
    ours = rs485.slaves[1].battery
    line = make_can([0], batteries=[ours])
    street = Street([rs485, line], pack=[{"id": "1", "rs485": 1, "can": 0}])
    hear = street.bridge.buses[1].feed_frame

    def of_another(ident, flags, data, now):
        """The same in all, but switched on an hour later."""
        if ident == 0x18F428F4:
            data = (int.from_bytes(data[:4], "little") - 3600).to_bytes(4, "little") + data[4:]
        hear(ident, flags, data, now)

    street.bridge.buses[1].feed_frame = of_another
    street.run(100)
    assert len(street.warnings()) == 1
    assert "contradicted each other for a minute (total_runtime: " in street.warnings()[0]


def test_unpaired_they_are_two():
    rs485 = make_line([1], paced=True, latency_ms=(10, 10), stories=((),))
    street = Street([rs485, make_can([1], batteries=[rs485.slaves[1].battery])])
    street.run(15)
    assert sorted(pack.id for pack in street.bridge.packs) == [b"1", b"b2-1"]
    assert street.payloads("jkbms/1/live")
    assert street.payloads("jkbms/b2-1/live")


def test_a_paired_battery_takes_commands_over_rs485():
    street = crossing(writes="safe")
    street.run(30)
    street.bridge.received(b"jkbms/1/set/balance_switch", b"OFF", False, False, street.now)
    street.run(10)
    assert street.payloads("jkbms/1/result")[-1]["status"] == "ok"
    assert street.payloads("jkbms/1/settings")[-1]["balance_switch"] == "OFF"


def test_a_calibration_of_a_pair_is_compared_with_what_rs485_measures_now():
    street = crossing(interval=60, writes="all")
    street.plugged[1] = False
    street.run(30)
    street.plugged[1] = True
    pair = street.bridge.packs[0]
    while since(street.now, pair.last_live) > 100:  # CAN has told values just now
        street.run(0.1)
    read = pair.heard_at
    assert since(street.now, read) > 20_000
    volts = str(live_of(street, "1")["pack_voltage"])
    street.bridge.received(b"jkbms/1/set/calibrate_voltage", f"{volts} CONFIRM 1".encode(), False, False, street.now)
    street.run(12)
    assert street.payloads("jkbms/1/result")[-1]["status"] == "ok"
    assert since(pair.heard_at, read) > 20_000


def removed(street, start):
    """Entities that were there and went."""
    told = [m for m in street.messages if m.topic.endswith("/config")]
    had = {m.topic for m in told if m.at < start and m.payload}
    return [m.topic for m in told if m.at >= start and not m.payload and m.topic in had]


def test_nothing_goes_while_rs485_is_silent_and_can_was_away():
    street = crossing()
    street.run(60)
    street.plugged[0] = False
    street.run(40)
    street.plugged[1] = False
    street.run(20)
    street.plugged[1] = True
    street.lines[1].fault("lose", only="BMSChg_INFO")  # it has not all it had
    start = street.elapsed
    street.run(40)
    assert street.payloads("jkbms/1/live", start)
    assert [m for m in street.messages if m.at >= start and m.topic.endswith("/config")]  # announced again
    assert removed(street, start) == []


def test_of_two_batteries_with_one_can_address_a_pair_shows_nothing():
    rs485 = make_line([1], paced=True, latency_ms=(10, 10), stories=((),))
    pair = [{"id": "1", "rs485": 1, "can": 0}]
    both = [rs485.slaves[1].battery, make_can([0], seed=7).packs[0].battery]
    street = Street([rs485, make_can([0, 0], batteries=both)], pack=pair)
    street.run(90)
    assert [text for text in street.warnings() if "two batteries send with CAN address 0" in text]
    lives = street.payloads("jkbms/1/live", 60_000)
    assert len(lives) > 3
    assert all("balance_current" in live and "charge_request_voltage" not in live for live in lives)
    street.plugged[0] = False
    street.run(40)
    assert [m.payload for m in street.of("jkbms/1/availability")][-1] == "offline"


def test_a_sign_that_is_wrong_is_told():
    rs485 = make_line([1], paced=True, latency_ms=(10, 10), stories=((),))
    street = Street([rs485, make_can([0], batteries=[rs485.slaves[1].battery], sign=-1)],
                    pack=[{"id": "1", "rs485": 1, "can": 0}])  # fmt: skip
    street.run(200)
    told = [text for text in street.warnings() if "contradicted each other" in text]
    assert len(told) == 1
    assert "(current: " in told[0]
    assert "sign" in told[0]
