"""Commands at the edges of a bus's schedule: what else must not be sent, and what must not be said."""

from __future__ import annotations

import pytest
from core_orders import Orders

from jkcore import modbus

CLOCK = 0x1612


def registers(house, address=1):
    """Registers of all writes that reached a pack."""
    return [write.register for write in house.written(address)]


def lose_one_reading(house):
    house.line.fault("silence", 1, only="settings", count=1)


@pytest.mark.parametrize(("field", "payload", "register", "status"), [
    ("set_clock", "180000000 CONFIRM 1", CLOCK, "ok"),
    ("balance_trigger_voltage", "0.015", 0x1014, "exception"),
])  # fmt: skip
def test_a_question_lost_before_a_write_is_not_asked_again_as_a_write(field, payload, register, status):
    """The schedule's retry once had the kind of the write, none: it went to register 0x1600, the calibration."""
    house = Orders()
    lose_one_reading(house)
    if status == "exception":
        house.line.fault("refuse", 1, count=1)
    result = house.order(f"1/set/{field}", payload)
    house.run(20)
    assert result[0]["status"] == status, result
    assert registers(house) == [register]


def test_no_request_is_made_of_a_frame_type_that_does_not_exist():
    """Its register would be 0x1600 + 0."""
    for kind in (0, 4, 7, 255):
        assert modbus.put_request(bytearray(16), 1, kind) == 0


def test_a_preset_is_for_a_pack_that_is_set_quite_otherwise():
    """It sets everything at once: its known values are not compared with what it replaces."""
    house = Orders()
    lower = {"power_off_voltage": 1700, "cell_undervoltage_protection": 1800, "cell_soc0_voltage": 1840,
             "cell_undervoltage_recovery": 1850}  # fmt: skip
    house.line.slaves[1].battery.change(lower, house.line.battery_seconds())
    house.run(70)
    result = house.order("1/set/preset_lfp", "PRESS CONFIRM 1")
    assert result[0]["status"] == "ok", result


def test_a_line_that_is_listened_to_again_does_not_end_the_reading_back():
    """Role auto: the port comes back, and behind the silence of 2 s the line is ours again."""
    house = Orders()
    house.receive("jkbms/1/set/balance_switch", "OFF")
    house.run(10, until=lambda: bool(house.written()))
    house.bus.closed(house.now, "the cable was pulled")
    house.run(2)
    house.bus.opened(house.now)
    house.run(20)
    assert [r["status"] for r in house.payloads("jkbms/1/result")] == ["ok"]
    assert len(house.written()) == 1


def test_an_unlock_that_has_closed_counts_for_what_still_waits():
    house = Orders(writes="off", unlock="all")
    assert house.order("bridge/set/unlock", "all 5")[0]["status"] == "ok"
    house.receive("jkbms/1/set/balance_switch", "OFF")
    house.receive("jkbms/1/set/discharge_switch", "OFF CONFIRM 1")
    house.receive("jkbms/bridge/set/unlock", "off")
    house.run(30)
    assert 0x1074 not in registers(house)
    assert house.payloads("jkbms/1/result")[-1]["status"] == "refused"


def test_a_second_pack_at_the_address_found_while_the_settings_are_read_stops_it():
    house = Orders()
    house.receive("jkbms/1/set/balance_switch", "OFF")
    house.run(10, until=lambda: house.bus.job is not None)
    house.bus._intake.conflict(house.packs[1], house.now)
    house.run(15)
    assert registers(house) == []
    assert "two packs" in house.payloads("jkbms/1/result")[-1]["reason"]


def test_settings_are_read_again_at_once_when_the_result_is_not_known():
    """The write was done, and neither its ack nor what was read back came."""
    house = Orders()
    house.receive("jkbms/1/set/balance_switch", "OFF")
    house.run(10, until=lambda: bool(house.written()))
    house.line.fault("silence", 1, only="settings")
    fault = house.line.faults[-1]
    house.run(30, until=lambda: bool(house.payloads("jkbms/1/result")))
    assert house.payloads("jkbms/1/result")[0]["status"] == "no_answer"
    fault.cancel()
    house.run(4)
    assert house.settings()["balance_switch"] == "OFF"


def test_what_waits_is_dropped_when_another_bridge_has_the_topics():
    house = Orders()
    house.receive("jkbms/1/set/balance_switch", "OFF")
    house.receive("jkbms/2/set/balance_switch", "OFF")
    house.receive("jkbms/bridge/health", '{"instance":"00000000"}')
    house.run(30)
    assert registers(house) == registers(house, 2) == []


def test_what_comes_before_the_topics_are_known_to_be_ours_is_refused_and_told():
    """A kept command arrives in the second in which the bridge looks for another one; it was dropped without a word."""
    house = Orders(connect=False)
    house.bridge.connected(house.now)
    house.taking = True
    house.receive("jkbms/1/set/balance_switch", "OFF", retained=True)
    house.receive("jkbms/bridge/state", "online", retained=True)  # of a run that lost power with its broker
    house.run(10)
    house.receive("jkbms/2/set/balance_switch", "OFF")
    house.run(30)
    assert "retained" in house.payloads("jkbms/1/result")[0]["reason"]
    assert "whether another one has its topics" in house.payloads("jkbms/2/result")[0]["reason"]
    assert registers(house) == registers(house, 2) == []
    assert house.order("1/set/balance_switch", "OFF")[0]["status"] == "ok"


def test_a_master_that_leaves_no_gap_is_told_as_the_reason():
    """Units of 220 ms, and a gateway, which takes longer than a cable."""
    house = Orders(master="15.41", firmware="15.41", port="tcp://192.168.1.20:8899", settle=60)
    result = house.order("1/set/balance_switch", "OFF")
    assert result[0]["status"] == "refused"
    assert "a bus master" in result[0]["reason"]
    assert registers(house) == []
    house = Orders(master="14.20", firmware="14.20", port="tcp://192.168.1.20:8899", settle=60)
    assert house.order("1/set/balance_switch", "OFF")[0]["status"] == "ok"


def test_the_result_of_what_was_sent_is_not_lost_among_refusals():
    house = Orders()
    house.receive("jkbms/1/set/balance_switch", "OFF")
    house.run(10, until=lambda: bool(house.written()))
    house.taking = False  # the broker is slow
    house.run(3)
    for _ in range(20):
        house.receive("jkbms/1/set/balance_switch", "MAYBE")
    house.taking = True
    house.run(3)
    told = [result["status"] for result in house.payloads("jkbms/1/result")]
    assert told == ["ok"] + ["refused"] * 7


def test_an_rcv_time_of_0_is_not_sent_along_with_the_rfv_time():
    house = Orders()
    house.line.slaves[1].battery.change({"rcv_time": 0}, house.line.battery_seconds())
    result = house.order("1/set/rfv_time", "2.0")
    assert result[0]["status"] == "refused"
    assert "rcv_time" in result[0]["reason"]
    assert registers(house) == []
    result = house.order("1/set", {"rcv_time": 0.5, "rfv_time": 2.0})
    assert result[0]["status"] == "ok", result


def test_commands_for_a_pack_that_is_gone_do_not_hold_up_the_others():
    house = Orders()
    house.line.fault("silence", 1)
    house.run(30)
    start = house.elapsed
    for _ in range(12):
        house.receive("jkbms/1/set/balance_switch", "OFF")
        house.run(5)
    assert "offline" in house.payloads("jkbms/1/result")[-1]["reason"]
    assert not [m for m in house.of("jkbms/2/availability") if m.at > start]


def test_a_command_that_never_had_its_turn_is_told_so():
    house = Orders()
    house.line.fault("silence", 1)
    house.receive("jkbms/1/set/balance_switch", "OFF")
    house.receive("jkbms/2/set/balance_switch", "OFF")
    house.run(15)
    assert "twice alike" in house.payloads("jkbms/1/result")[0]["reason"]
    result = house.payloads("jkbms/2/result")[0]
    assert result["status"] == "refused"
    assert "on the bus within 10 s" in result["reason"]


@pytest.mark.parametrize("late", [True, False])
def test_a_write_of_ours_that_is_done_late_is_no_change_by_another_hand(late):
    """Its result was told as not known; what is read later is what was asked. Another value is another hand's."""
    house = Orders()
    house.receive("jkbms/1/set/balance_trigger_voltage", "0.015")
    house.run(10, until=lambda: bool(house.written()))
    house.line.fault("silence", 1)
    fault = house.line.faults[-1]
    house.run(30, until=lambda: bool(house.payloads("jkbms/1/result")))
    assert house.payloads("jkbms/1/result")[0]["status"] == "no_answer"
    if not late:
        house.line.slaves[1].battery.change({"balance_trigger_voltage": 20}, house.line.battery_seconds())
    fault.cancel()
    house.run(70)
    assert house.settings()["balance_trigger_voltage"] == (0.015 if late else 0.02)
    assert bool(house.of("jkbms/1/event")) is not late


def test_a_change_by_another_hand_before_our_write_is_out_is_an_event():
    house = Orders()
    house.line.slaves[1].battery.change({"balance_trigger_voltage": 20}, house.line.battery_seconds())
    result = house.order("1/set", {"balance_trigger_voltage": 0.015, "cell_overvoltage_recovery": 3.589,
                                   "cell_soc100_voltage": 3.588})  # fmt: skip
    assert result[0]["status"] == "refused"
    house.run(5)
    assert house.payloads("jkbms/1/event")[0]["changed"] == {"balance_trigger_voltage": {"old": 0.01, "new": 0.02}}


def test_a_pack_does_not_get_the_address_of_another():
    house = Orders()
    result = house.order("1/set/device_address", "2 CONFIRM 1")
    assert result[0]["status"] == "refused"
    assert "address 2 is that of pack 2" in result[0]["reason"]
    assert registers(house) == []


def test_an_unlock_that_is_ended_counts_for_what_has_not_been_sent_yet():
    house = Orders(writes="off", unlock="all")
    house.order("bridge/set/unlock", "all 5")
    house.receive("jkbms/1/set/discharge_switch", "OFF CONFIRM 1")
    house.run(10, until=lambda: house.bus.job is not None)
    house.receive("jkbms/bridge/set/unlock", "off")
    house.run(15)
    assert registers(house) == []
    result = house.payloads("jkbms/1/result")[-1]
    assert result["status"] == "refused"
    assert "needs writes = all" in result["reason"]
