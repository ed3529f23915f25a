"""What a simulated pack does about what is written to it, and about commands."""

import pytest
from simulator_writes import ABOUT, LIVE, SETTINGS, ask, request, write

from jkbridge.simulator import Battery, Line, Master, Slave, make_line

HOUR_MS = 3_600_000
ON, OFF = b"\0\0\0\1", b"\0\0\0\0"


def charging(hour=12.0, **more):
    line = make_line([1], start_hour=hour, stories=[()], **more)
    line.read(0)
    return line


def test_a_switch_written_in_the_middle_of_a_step_works_at_once():
    line = charging()
    pack = line.slaves[1]
    now = 63_400  # the model moves in steps of 10 s
    before = pack.truth(now, "live")
    assert (before["charge_mos"], before["current"] > 10_000) == (1, True)
    write(line, 1, 0x1070, OFF, now)
    after = pack.truth(now, "live")
    assert (after["charge_mos"], after["discharge_mos"]) == (0, 1)
    assert after["current"] <= 0
    assert pack.truth(now, "settings")["charge_switch"] == 0
    write(line, 1, 0x1070, ON, now + 1100)
    assert pack.truth(now + 1100, "live")["current"] > 10_000
    write(line, 1, 0x1074, OFF, now + 2000)
    assert pack.truth(now + 2000, "live")["discharge_mos"] == 0


@pytest.mark.parametrize("hour", [12.0, 20.0])
def test_no_charge_appears_or_vanishes_when_a_switch_is_written(hour):
    line = charging(hour)
    pack = line.slaves[1]
    register = 0x1070 if hour < 15 else 0x1074
    told = []
    for second in range(60):
        now = 60_000 + 1000 * second
        if second % 7 == 3:
            write(line, 1, register, OFF if second % 2 else ON, now)
        told.append(pack.truth(now, "live"))
    for earlier, later in zip(told, told[1:], strict=False):
        # 60 A for a second are 17 mAh
        assert abs(later["capacity_remaining"] - earlier["capacity_remaining"]) <= 17
        assert 0 <= later["cycle_capacity"] - earlier["cycle_capacity"] <= 17
    assert len({told_one["current"] for told_one in told}) > 3


def test_the_balance_switch_stops_the_balancer():
    line = make_line([1], start_hour=12, stories=[("imbalanced",)])
    pack = line.slaves[1]
    line.read(0)
    now = next(now for now in range(0, 6 * HOUR_MS, 60_000) if pack.truth(now, "live")["balance_state"])
    write(line, 1, 0x1078, OFF, now)
    for later in (now, now + 30_000):
        truth = pack.truth(later, "live")
        assert (truth["balance_state"], truth["balance_current"]) == (0, 0)


def test_protections_follow_new_limits():
    line = charging()
    pack = line.slaves[1]
    write(line, 1, 0x106C, (15).to_bytes(4, "big"), 20_000)
    truth = pack.truth(20_000, "live")
    assert truth["alarms"] == 1 << 2
    assert (truth["charge_mos"], truth["discharge_mos"], truth["current"]) == (0, 0, 0)
    write(line, 1, 0x106C, (16).to_bytes(4, "big"), 30_000)
    assert pack.truth(30_000, "live")["alarms"] == 0
    for register, millivolt in ((0x1010, 3000), (0x1018, 3001), (0x100C, 3002)):
        write(line, 1, register, millivolt.to_bytes(4, "big"), 40_000)
    truth = pack.truth(40_000, "live")
    assert (truth["alarms"], truth["charge_mos"]) == (1 << 4, 0)


def test_a_new_capacity_wipes_the_history():
    line = make_line([1], start_hour=12, stories=[("worn",)])
    line.read(0)
    pack = line.slaves[1]
    before = pack.truth(60_000, "live")
    assert before["cycle_count"] > 1000
    write(line, 1, 0x107C, (280_000).to_bytes(4, "big"), 60_000)  # the value it has already
    after = pack.truth(60_000, "live")
    assert (after["cycle_count"], after["cycle_capacity"], after["soh"]) == (0, 0, 100)
    assert after["capacity_full"] == 280_000
    assert after["soc"] == before["soc"]


def test_a_new_address_counts_from_the_next_request_on():
    line = make_line([1, 2])
    assert write(line, 1, 0x1108, (5).to_bytes(4, "big"))[0] == 1
    assert ask(line, request(1, SETTINGS, b"\0\0")) == b""
    unit = ask(line, request(5, SETTINGS, b"\0\0"))
    assert (unit[270], unit[300]) == (5, 5)
    assert sorted(line.slaves) == [2, 5]


def test_shutdown_silences_a_pack_until_it_is_switched_on():
    line = make_line([1])
    pack = line.slaves[1]
    assert write(line, 1, 0x1604, b"\0\0")[:6] == bytes.fromhex("01 10 16 04 00 01")
    assert (pack.silent, pack.powered) == (True, False)
    assert ask(line, request(1, LIVE, b"\0\0"), HOUR_MS) == b""
    starts = pack.truth(HOUR_MS, "about")["power_on_count"]
    pack.on(HOUR_MS, boot_ms=3000)
    assert ask(line, request(1, LIVE, b"\0\0"), HOUR_MS + 2900) == b""
    assert len(ask(line, request(1, LIVE, b"\0\0"), HOUR_MS + 3100)) == 308
    assert pack.truth(HOUR_MS + 3100, "about")["power_on_count"] == starts + 1
    assert pack.truth(HOUR_MS + 3100, "live")["system_ticks"] == 1


def test_a_pack_that_is_switched_off_by_hand_keeps_its_settings():
    line = make_line([1])
    pack = line.slaves[1]
    write(line, 1, 0x1078, OFF)
    pack.off(1000)
    pack.off(1500)
    assert ask(line, request(1, SETTINGS, b"\0\0"), 2000) == b""
    pack.on(3000)
    pack.on(3500)
    unit = ask(line, request(1, SETTINGS, b"\0\0"), 4000)
    assert unit[126] == 0
    assert pack.truth(4000, "live")["system_ticks"] == 10


def test_a_firmware_update_bricks_and_is_counted():
    line = make_line([1, 2])
    assert write(line, 1, 0x1626, b"\0\0") == b""
    pack = line.slaves[1]
    assert ask(line, request(1, LIVE, b"\0\0"), 1000) == b""
    pack.off(2000)
    pack.on(3000)
    assert ask(line, request(1, LIVE, b"\0\0"), HOUR_MS) == b""
    assert (pack.bricked, pack.writes.updates, pack.writes.log[-1].fate) == (True, 1, "bricked")
    assert (line.slaves[2].bricked, line.slaves[2].writes.updates) == (False, 0)


def test_every_preset_puts_the_values_of_its_chemistry_and_wipes_the_rest():
    values = {
        0x160A: (2820, 2850, 4200, 4170), 0x160C: (2580, 2620, 3650, 3580), 0x160E: (1800, 1850, 2700, 2640),
    }
    for register, expected in values.items():
        line = make_line([1], firmware="15.30")
        answer = write(line, 1, register, b"\0\0")
        assert len(answer) == 308
        assert answer[300:306] == bytes((1, 0x10, 0x16, register & 255, 0, 1))
        settings = line.slaves[1].settings()
        assert tuple(int.from_bytes(answer[at : at + 4], "little") for at in (10, 14, 18, 22)) == expected
        assert (settings["battery_capacity"], settings["controls"]) == (40_000, 0x3210)
        assert line.slaves[1].truth(0, "live")["cycle_count"] == 0


def test_clock_emergency_and_calibration():
    line = make_line([1], start_hour=12)
    line.read(0)
    pack = line.slaves[1]
    assert write(line, 1, 0x1612, (200_000_000).to_bytes(4, "big"), 5_000)[1] == 0x10
    assert pack.truth(65_000, "live")["rtc_seconds_2020"] == 200_000_060
    pack.battery.protection.forced.add("cell_undervoltage")
    assert pack.truth(70_000, "live")["discharge_mos"] == 0
    assert write(line, 1, 0x1610, b"\0\1", 70_000)[1] == 0x10
    truth = pack.truth(71_000, "live")
    assert (truth["emergency_time_left"], truth["discharge_mos"]) == (1799, 1)
    assert write(line, 1, 0x1610, b"\0\0", 80_000)[1] == 0x10
    truth = pack.truth(81_000, "live")
    assert (truth["emergency_time_left"], truth["discharge_mos"]) == (0, 0)
    write(line, 1, 0x1610, b"\0\1", 90_000)
    truth = pack.truth(90_000 + 1_830_000, "live")
    assert (truth["emergency_time_left"], truth["discharge_mos"]) == (0, 0)
    for register in (0x1600, 0x1606):
        assert write(line, 1, register, bytes(4), 2 * HOUR_MS)[:3] == b"\x01\x90\x03"
        assert write(line, 1, register, (52_000).to_bytes(4, "big"), 2 * HOUR_MS)[1] == 0x10
    assert [entry.fate for entry in pack.writes.log][-4:] == ["refused", "stored"] * 2


def test_new_charge_times_are_lived_by_and_shown():
    line = make_line([1, 2], stories=[()], start_hour=12)
    line.read(0)
    assert write(line, 1, 0x1504, b"\xff\x0a")[1] == 0x10
    unit = ask(line, request(1, ABOUT, b"\0\0"))
    assert unit[266:268] == b"\xff\x0a"
    now = next(now for now in range(0, 6 * HOUR_MS, 60_000) if line.slaves[1].truth(now)["charge_status"] == 1)
    later = now + HOUR_MS + 600_000  # the other pack keeps to its hour
    assert line.slaves[2].truth(later)["charge_status"] != 1
    assert line.slaves[1].truth(later)["charge_status"] == 1
    assert line.slaves[2].settings()["rcv_time"] == 10


def test_a_bus_master_takes_nothing_until_it_is_a_slave():
    line = Line([Master(Battery("15.41"))])
    assert not any(unit[:2] == b"\0\x10" and len(unit) == 8 for unit in [write(line, 0, 0x1078, OFF, 5)])
    master = line.stations[0]
    assert (list(master.writes.log), master.settings()["balance_switch"]) == ([], 1)
    master.address = 4
    assert write(line, 4, 0x1078, OFF, 1000)[-8:-2] == bytes.fromhex("04 10 10 78 00 02")
    assert master.settings()["balance_switch"] == 0


def test_the_log_knows_when_and_what():
    line = make_line([3])
    line.read(500)
    write(line, 3, 0x1116, b"\xfb\x05", 1_700)
    write(line, 3, 0x1504, b"\x00\x05", 2_500)
    first, second = line.slaves[3].writes.log
    assert (first.ms, first.register, first.data, first.fate, first.code) == (1200, 0x1116, b"\xfb\x05", "stored", 0)
    assert first.asked == {"heating_start_temperature": -5, "heating_stop_temperature": 5} == first.stored
    assert (second.ms, second.fate, second.code, second.stored) == (2000, "refused", 3, {})
    assert repr(second) == "Write(2000 ms, 0x1504, {'rcv_time': 0, 'rfv_time': 5}, refused 03)"
    writes = line.slaves[3].writes
    assert (dict(writes.counts), writes.refused, writes.ignored) == ({0x1116: 1, 0x1504: 1}, 1, 0)


def test_writing_without_a_line():
    pack = Slave(1, Battery())
    [asked] = pack.hear(request(1, 0x1078, OFF), 0)
    assert pack.answer(asked, pack.battery.start_s)[:2] == b"\x01\x10"
    assert pack.settings()["balance_switch"] == 0
    pack.reboot(1000)
    assert not pack.silent
