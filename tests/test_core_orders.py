"""Commands through the whole bridge on a line whose packs accept writes: results, faults, and what is never sent."""

from __future__ import annotations

import random

import pytest
from core_house import gaps, reconnected, say
from core_orders import Orders

OK = ["ok"]


def statuses(results):
    return [r["status"] for r in results]


def values_of(house, address=1):
    """What is published of the settings is what the pack is set to."""
    house.run(130)  # two turns of the rare readings
    kept = house.line.slaves[address].truth(house.now, "settings")
    told = house.settings(address)
    scale = {"cell_overvoltage_protection": 1000, "balance_trigger_voltage": 1000, "max_charge_current": 1000}
    for name, factor in scale.items():
        assert round(told[name] * factor) == kept[name], name
    for name in ("charge_switch", "discharge_switch", "balance_switch"):
        assert told[name] == ("ON" if kept[name] else "OFF"), name


# What works


def test_a_command_is_carried_out_read_back_and_told():
    house = Orders()
    result = house.order("1/set/balance_trigger_voltage", "0.012")
    assert result == [
        {"field": "balance_trigger_voltage", "asked": 0.012, "status": "ok", "value": 0.012, "reason": None}
    ]
    assert len(house.written()) == 1
    assert house.written(2) == []
    house.run(1)
    assert house.settings()["balance_trigger_voltage"] == 0.012
    assert not house.of("jkbms/1/event"), "not by another hand"
    assert not [m for m in house.of("jkbms/1/result") if m.retain]


def test_polling_goes_on_behind_it_and_is_held_up_for_a_moment_only():
    house = Orders(interval=1)
    start = house.elapsed
    house.order("1/set/balance_switch", "OFF")
    assert house.elapsed - start < 2500
    house.run(30)
    for address in (1, 2):
        assert "offline" not in [m.payload for m in house.of(f"jkbms/{address}/availability")][1:]
        assert len([m for m in house.of(f"jkbms/{address}/live") if m.at > start]) >= 26


def test_a_group_in_an_order_in_which_every_step_is_legal():
    house = Orders(order="strict")
    kept = house.settings()
    group = {
        "cell_overvoltage_protection": 3.62, "cell_request_charge_voltage": 3.60, "cell_soc100_voltage": 3.59,
        "cell_overvoltage_recovery": 3.58, "confirm": "CONFIRM 1", "id": "x1",
    }  # fmt: skip
    result = house.order("1/set", group, 60)
    assert result[0]["status"] == "ok", result
    assert result[0]["id"] == "x1"
    assert [f["status"] for f in result[0]["fields"]] == ["ok"] * 4
    assert all(w.fate == "stored" for w in house.written())
    assert house.settings()["cell_overvoltage_protection"] == 3.62 != kept["cell_overvoltage_protection"]


def test_bits_of_the_control_word_leave_the_others_alone():
    house = Orders()
    before = house.line.slaves[1].settings()["controls"]
    house.order("1/set/charging_float_mode", "ON")
    house.order("1/set/lcd_always_on", "ON")
    after = house.line.slaves[1].settings()["controls"]
    assert after == before | 0x210
    house.run(70)
    assert not house.of("jkbms/1/event")


def test_two_packs_one_after_the_other_and_a_queue():
    house = Orders()
    for topic in ("1/set/balance_switch", "2/set/balance_switch", "1/set/charge_switch"):
        house.receive(f"jkbms/{topic}", "OFF")
    house.run(20)
    assert statuses(house.payloads("jkbms/1/result")) == ["ok", "ok"]
    assert statuses(house.payloads("jkbms/2/result")) == ["ok"]


def test_more_commands_than_may_wait_are_refused():
    house = Orders()
    for i in range(12):
        house.receive("jkbms/1/set/balance_switch", "ON" if i % 2 else "OFF")
    house.run(60)
    told = house.payloads("jkbms/1/result")
    assert len(told) == 12
    assert "refused" in statuses(told)
    assert len(house.written()) == statuses(told).count("ok") >= 8 - 3


def test_a_preset_sets_everything_and_is_no_event_of_another_hand():
    house = Orders()
    result = house.order("1/set/preset_lfp", "PRESS CONFIRM 1", 30)
    assert statuses(result) == OK
    assert [w.register for w in house.written()] == [0x160C]
    house.run(70)
    assert not house.of("jkbms/1/event")


# What is refused, with zero bytes


REFUSED = {
    "off": ({"writes": "off", "unlock": "safe"}, "1/set/balance_switch", "OFF", "writes = safe"),
    "tier": ({"writes": "safe"}, "1/set/cell_overvoltage_protection", "3.61", "writes = all"),
    "dangerous": ({}, "1/set/discharge_switch", "OFF", "CONFIRM 1"),
    "word of another pack": ({}, "1/set/discharge_switch", "OFF CONFIRM 2", "neither ON nor OFF"),
    "range": ({}, "1/set/cell_overvoltage_protection", "9.0", "range"),
    "grid": ({}, "1/set/cell_overvoltage_protection", "3.6005", "steps"),
    "no number": ({}, "1/set/cell_overvoltage_protection", "1e0", "decimal"),
    "chemistry": ({"chemistry": None}, "1/set/cell_overvoltage_protection", "3.62", "chemistry"),
    "ceiling": ({}, "1/set/cell_overvoltage_protection", "3.70", "lfp"),
    "rule": ({}, "1/set/cell_overvoltage_recovery", "3.64", "must stay below"),
    "scp": ({}, "1/set/short_circuit_protection_delay", "0 CONFIRM 1", "range"),
    "unknown field": ({}, "1/set/current_range_raw", "1", "cannot be changed"),
    "unknown pack": ({}, "7/set/balance_switch", "ON", "no pack 7"),
    "update": ({}, "1/set/firmware_update", "PRESS CONFIRM 1", "no field"),
    "json": ({}, "1/set", "[1]", "JSON"),
    "empty": ({}, "1/set", "{}", "names no field"),
    "empty name": ({}, "1/set", '{"": 1}', "names no field"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_refused_sends_nothing(why):
    more, topic, payload, words = REFUSED[why]
    house = Orders(**more)
    result = house.order(topic, payload, 15)
    assert statuses(result) == ["refused"]
    assert words in result[0]["reason"]
    assert all(not slave.writes.log for slave in house.line.slaves.values())
    assert not [r for r in house.requests if r.kind == "write"]


def test_retained_duplicate_long_and_early_commands_are_refused():
    house = Orders()
    assert "retain" in house.order("1/set/balance_switch", "OFF", 15, retained=True)[0]["reason"]
    house.bridge.received(b"jkbms/1/set/balance_switch", b"OFF", False, True, house.now)
    house.bridge.received(b"jkbms/1/set/balance_switch", b"O" * 512, False, False, house.now, False)
    house.run(2)
    reasons = [r["reason"] for r in house.payloads("jkbms/1/result")]
    assert any("DUP" in r for r in reasons)
    assert any("512" in r for r in reasons)
    reconnected(house, seconds=1)
    assert "2 s" in house.order("1/set/balance_switch", "OFF", 5)[0]["reason"]
    assert house.written() == []


def test_without_writes_nothing_is_subscribed_and_nothing_heard():
    house = Orders(writes="off")
    assert not [t for t in house.bridge.subscriptions() if b"set" in t]
    house.receive("jkbms/1/set/balance_switch", "OFF")
    house.run(20)
    assert house.written() == []
    assert house.of("jkbms/1/result") == []


def test_a_command_that_cannot_reach_the_bus_in_time_is_refused():
    house = Orders()
    house.bus.closed(house.now, "the cable was pulled")
    result = house.order("1/set/balance_switch", "OFF", 20)
    assert statuses(result) == ["refused"]
    assert "10 s" in result[0]["reason"]
    house.bus.opened(house.now)
    house.run(30)
    assert house.written() == [], "and it is not made up for later"


def test_an_offline_pack_is_refused_at_once_and_holds_up_nobody():
    house = Orders([1, 2, 3], interval=1)
    house.line.remove(house.line.slaves[2])
    house.run(30)
    start = house.elapsed
    for _ in range(8):
        house.receive("jkbms/2/set/balance_switch", "OFF")
    house.run(20)
    told = house.payloads("jkbms/2/result")
    assert statuses(told) == ["refused"] * 8
    assert "offline" in told[0]["reason"]
    assert "offline" not in [m.payload for m in house.of("jkbms/1/availability") if m.at > start]
    assert len([m for m in house.of("jkbms/1/live") if m.at > start]) >= 18


def test_a_pack_that_falls_silent_under_a_command_does_not_take_the_others_with_it():
    house = Orders([1, 2, 3], interval=1)
    house.line.fault("silence", 2)
    start = house.elapsed
    for _ in range(3):
        house.receive("jkbms/2/set/balance_switch", "OFF")
    house.run(45)
    told = house.payloads("jkbms/2/result")
    assert statuses(told) == ["refused"] * 3
    for address in (1, 3):
        assert "offline" not in [m.payload for m in house.of(f"jkbms/{address}/availability") if m.at > start]
        times = [m.at for m in house.of(f"jkbms/{address}/live") if m.at > start]
        assert max(gaps(times)) < 9000


def test_two_packs_at_one_address_are_not_written_to():
    house = Orders([1, 2], settle=30)
    pack = house.packs[2]
    house.bus._intake.conflict(pack, house.now)
    assert "two packs" in house.order("2/set/balance_switch", "OFF", 15)[0]["reason"]
    assert house.written(2) == []


def test_while_another_bridge_has_the_topics_no_command_is_carried_out():
    house = Orders()
    house.receive("jkbms/bridge/health", '{"instance":"00000001","uptime":5}')
    house.run(1)
    house.receive("jkbms/1/set/balance_switch", "OFF")
    house.run(15)
    assert house.written() == []


# Unlocking


def test_an_unlock_opens_for_its_minutes_and_closes_by_itself():
    house = Orders(writes="off", unlock="safe")
    assert house.order("1/set/balance_switch", "OFF")[0]["status"] == "refused"
    assert "not allowed" in house.order("bridge/set/unlock", "all 5")[0]["reason"]
    assert house.order("bridge/set/unlock", "safe 2")[0]["status"] == "ok"
    house.run(1)
    assert house.payloads("jkbms/bridge/health")[-1]["writes"] == "safe"
    assert house.order("1/set/balance_switch", "OFF")[0]["status"] == "ok"
    house.run(125)
    assert house.order("1/set/balance_switch", "ON")[0]["status"] == "refused"
    assert house.payloads("jkbms/bridge/health")[-1]["writes"] == "off"
    assert len(house.written()) == 1


@pytest.mark.parametrize("payload", ["", "all", "safe 0", "safe 99", "safe -1", "full 5", "safe  5", "off 1"])
def test_unlock_commands_that_are_none(payload):
    house = Orders(writes="off", unlock="all")
    assert house.order("bridge/set/unlock", payload)[0]["status"] == "refused"
    assert house.bridge.desk.word(house.now) == "off"


def test_a_command_for_the_bridge_itself_must_be_an_unlock():
    house = Orders(writes="off", unlock="all")
    assert house.order("bridge/set", "safe 5")[0]["reason"] == "the command names no field"
    assert house.order("bridge/set/lock", "safe 5")[0]["reason"] == "there is no field lock"
    assert house.bridge.desk.word(house.now) == "off"


# Faults: the result is right, and in the end what is published is the truth


FAULTS = {
    "ack lost": ([("silence", {"only": "ack", "count": 1})], OK),
    "ack late": ([("delay", {"only": "ack", "amount": 900, "count": 1})], OK),
    "ack very late": ([("delay", {"only": "ack", "amount": 2500, "count": 1})], OK),
    "ack damaged": ([("corrupt", {"only": "ack", "count": 1})], OK),
    "ignored": ([("ignored", {"count": 1})], ["unchanged"]),
    "other value": ([("other_value", {"count": 1, "amount": 1})], ["different"]),
    "refused": ([("refuse", {"count": 1})], ["exception"]),
    "late effect": ([("late_effect", {"count": 1, "amount": 2000})], OK),
    "one settings frame damaged": ([("corrupt", {"only": "settings", "count": 1})], OK),
    "settings frame lost": ([("silence", {"only": "settings", "count": 1})], OK),
    "frame from before comes late": ([("ghost", {"count": 1})], OK),
    "reboot": ([("reboot", {"count": 1, "amount": 6000})], OK),
    "reboot, value lost": ([("reboot", {"count": 1, "amount": 6000}), ("ignored", {"count": 1})], ["unchanged"]),
    "all acks lost and ignored": (
        [("silence", {"only": "ack", "count": 1}), ("ignored", {"count": 1})], ["no_answer"]),
}  # fmt: skip


COMMANDS = [("balance_trigger_voltage", "0.015"), ("charge_switch", "OFF")]


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_faults_on_the_way(what, command):
    faults, wanted = FAULTS[what]
    if what == "other value" and command[0] == "charge_switch":
        wanted = ["unchanged"]  # one less than OFF is not there, so the pack keeps what it had
    house = Orders()
    for kind, how in faults:
        house.line.fault(kind, 1, **how)
    result = house.order(f"1/set/{command[0]}", command[1], 60)
    assert len(result) == 1
    if what == "other value" and command[0] == "charge_switch":
        assert result[0]["status"] in ("ok", "unchanged", "different")
    else:
        assert statuses(result) == wanted, result
    if wanted == ["unchanged"] and "reboot" not in what and what == "ignored":
        assert "RS485-1" in result[0]["reason"]
    values_of(house)
    assert not say(house, 30, "two packs")


def test_the_bus_lost_between_write_and_read_back():
    house = Orders()
    house.receive("jkbms/1/set/balance_switch", "OFF")
    house.run(10, until=lambda: bool(house.written()))
    house.bus.closed(house.now, "the cable was pulled")
    house.run(25)
    assert statuses(house.payloads("jkbms/1/result")) == ["no_answer"]
    house.bus.opened(house.now)
    house.run(30)
    values_of(house)
    assert len(house.written()) == 1, "nothing is sent twice"


def test_a_bridge_that_stops_in_between_says_what_is_not_known():
    house = Orders()
    house.receive("jkbms/1/set/balance_switch", "OFF")
    house.receive("jkbms/2/set/balance_switch", "OFF")
    house.run(10, until=lambda: bool(house.written()))
    house.bridge.stop(house.now)
    house.take()
    assert statuses(house.payloads("jkbms/1/result")) == ["no_answer"]
    assert statuses(house.payloads("jkbms/2/result")) == ["refused"]
    assert house.messages[-1].topic == "jkbms/bridge/state"


def test_a_change_by_another_hand_is_an_event_also_beside_our_own():
    house = Orders()
    house.line.slaves[1].battery.change({"max_charge_current": 90_000}, house.line.battery_seconds())
    house.order("1/set/balance_switch", "OFF")
    house.run(70)
    events = house.payloads("jkbms/1/event")
    changed = [name for e in events if e["event_type"] == "setting_changed" for name in e["changed"]]
    assert changed == ["max_charge_current"]


@pytest.mark.parametrize("amount", [3, 11, 13])
def test_an_echo_of_a_write_is_no_stranger(amount):
    house = Orders()
    house.line.fault("echo", amount=amount)
    for payload in ("OFF", "ON"):
        assert statuses(house.order("1/set/balance_switch", payload)) == OK
    house.order("1/set/lcd_always_on", "ON")
    assert house.bus.poller.foreign == 0


def test_a_command_given_while_the_bridge_still_listens_is_carried_out():
    house = Orders(settle=2.2)
    house.bus.opened(house.now)  # the cable was pulled and is back: 2 s of listening begin
    result = house.order("1/set/balance_switch", "OFF", 15)
    assert statuses(result) == OK
    assert house.elapsed < 8000


def test_stray_bytes_in_the_middle_of_a_command_do_not_lose_it():
    house = Orders()
    house.receive("jkbms/1/set/balance_switch", "OFF")
    house.run(0.3)
    house.line.inject(b"\x55" * 40, house.now)
    house.run(20)
    assert statuses(house.payloads("jkbms/1/result")) == OK


# Beside a JK master


@pytest.mark.parametrize("master", ["14.20", "15.41"])
def test_a_slave_is_written_to_in_the_gaps_of_a_master(master):
    house = Orders([1, 2, 3], master=master, settle=40)
    assert house.bus.role() == "listen"
    for payload in ("OFF", "ON", "OFF"):
        result = house.order("2/set/balance_switch", payload, 40)
        assert statuses(result) == OK, result
    house.run(20)
    assert house.settings(2)["balance_switch"] == "OFF"
    assert house.line.collisions == 0
    assert house.bus.role() == "listen"
    assert not house.of("jkbms/2/event")


def test_the_master_itself_is_refused_with_the_reason():
    house = Orders([1], master="14.20", settle=40)
    result = house.order("0/set/balance_switch", "OFF", 15)
    assert statuses(result) == ["refused"]
    assert "RS485-1" in result[0]["reason"]
    assert not [r for r in house.requests if r.kind == "write"]


# Anything at all


def test_ten_thousand_fuzzed_commands_send_nothing_and_raise_nothing():
    house = Orders(writes="all", unlock="all")
    chance = random.Random(5)
    names = ["cell_overvoltage_protection", "discharge_switch", "set", "", "x" * 60, "Größe", "+", "#", "1626"]
    payloads = [
        b"", b"\xff\xfe", b"{", b'{"a":', b"[" * 200, b"3.6;DROP", b"1" * 300, b"nan", b"inf", b"-0", b"1e9", b"\x00",
        b'{"cell_count": 99}', b'{"x":{"y":1}}', b"ON CONFIRM", b'{"confirm":"CONFIRM 1"}', b"99999999999",
    ]  # fmt: skip
    for _ in range(10_000):
        parts = [chance.choice([b"1", b"2", b"9", b"bridge", b"bank", b"..", b"\xff", b"0"]), b"set"]
        if chance.random() < 0.8:
            parts.append(chance.choice(names).encode())
        payload = chance.choice(payloads)
        if chance.random() < 0.3:
            payload = chance.randbytes(chance.randrange(100))
        topic = b"jkbms/" + b"/".join(parts)
        if topic == b"jkbms/bridge/set/unlock":
            continue
        house.bridge.received(topic, payload, chance.random() < 0.1, chance.random() < 0.1, house.now, True)
        if chance.random() < 0.05:
            house.turn()
            house.elapsed += 300
    house.run(30)
    assert not [r for r in house.requests if r.kind == "write"]
    assert all(not slave.writes.log for slave in house.line.slaves.values())


def test_answers_to_our_own_writes_beside_a_master_are_no_second_client_of_the_gateway():
    house = Orders([1, 2], master="14.20", settle=40, port="tcp://10.0.0.2:8899")
    for payload in ("OFF", "ON", "OFF", "ON"):
        assert statuses(house.order("1/set/balance_switch", payload, 40)) == OK
    assert house.bus.gateway.faults == 0
    assert not say(house, 30, "second program")
