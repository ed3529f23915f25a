"""CAN in the core: every recorded message, who is who, cells in bursts, what silence means, what is not looked into."""

import json

import recordings
from can_battery import (
    ALL,
    ALM,
    CELLS,
    CONTROL,
    ERR,
    INFO,
    ST1,
    ST2,
    SW,
    UNDOCUMENTED,
    VOLT,
    Battery,
    st1,
    words,
)  # fmt: skip
from core_can import ROWS, Can, disagreement

from jkcore import can, canhearing
from jkcore.canpack import CanPack
from jkcore.fields import codes

try:
    import os
except ImportError:
    os = None


def logs():
    """Names of the recordings of CAN, without ending. Raises SkipTest when there are none."""
    folder = recordings.folder()
    if folder is None:
        raise recordings.SkipTest("no recordings: ../shared/frames is absent")
    names = [name for name in os.listdir(folder + "/can") if name.endswith(".log")]
    return folder + "/can", [name[:-4] for name in names]


def frames_of(path):
    """(identifier as text, data) of a candump log."""
    found = []
    with open(path) as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                ident, data = line.split()[2].split("#")
                found.append((ident, bytes([int(data[i : i + 2], 16) for i in range(0, len(data), 2)])))
    return found


def test_every_recorded_message_decodes_to_what_is_expected():
    folder, names = logs()
    seen = 0
    for name in names:
        with open(folder + "/expected/" + name + ".json") as file:
            expected = json.load(file)["frames"]
        found = frames_of(folder + "/" + name + ".log")
        assert len(found) == len(expected)
        for (ident, data), wanted in zip(found, expected):
            extended = len(ident) > 3
            kind = can.classify(int(ident, 16), extended)
            assert kind >= 0 and kind & 15 == wanted["address"], wanted
            wrong = disagreement(int(ident, 16), extended, data, wanted["signals"])
            assert wrong == "", (wanted, wrong)
            seen += 1
    assert seen >= 5 * len(names)


# who is who


def test_an_identifier_is_a_message_and_an_address():
    bases = (ST1, VOLT, 0x5F4, ALM, ST2, ALL, ERR, INFO, SW, 0x1806E5F4)
    for message, base in enumerate(bases):
        for address in range(16):
            if base == ALM and address > 11:  # 0x7FF is the highest of 11 bits
                continue
            assert can.classify(base + address, base > 0x7FF) == message << 4 | address
    for group in range(7):
        for address in range(16):
            assert can.classify(CELLS + group * 0x10000 + address, True) == (codes.CELLS + group) << 4 | address
    assert can.classify(CONTROL, True) >> 4 == codes.CONTROL
    assert can.classify(UNDOCUMENTED, True) >> 4 == codes.UNDOCUMENTED


def test_every_other_identifier_is_nobodys():
    ours = [base + a for base in (ST1, VOLT, 0x5F4, ALM) for a in range(16)]
    for ident in range(0x800):
        assert (can.classify(ident, False) >= 0) == (ident in ours), ident
        assert can.classify(ident, True) == can.NOBODY
    for ident in (ST2, CELLS, CONTROL):  # 29-bit ones cut to 11
        assert can.classify(ident & 0x7FF, False) == can.NOBODY
    others = (ST2 - 1, ST2 + 16, CELLS - 0x10000, CELLS + 0x70000, 0x1806E5F3, 0x1806E604, 0x1807E5F4, CONTROL + 1,
              0x18F028F4, 0x18F628F4, 0x18FF50E5, 0x1FFFFFFF, UNDOCUMENTED + 1, 0x01F21401)  # fmt: skip
    for ident in others:
        assert can.classify(ident, True) == can.NOBODY, ident


def test_above_address_11_a_standard_identifier_needs_a_witness():
    """0x300 to 0x303 are BATT_ST1 of addresses 12 to 15, or somebody else's."""
    line = Can()
    line.send(ST1, st1(), 12)
    assert line.bus.packs == [] and line.bus.rejects[canhearing.FOREIGN] == 1
    line.send(ST2, words(1000, 2000, 5, 1), 12)
    line.send(ST1, st1(), 12)
    assert [pack.address for pack in line.bus.packs] == [12]
    assert len([text for text in line.warnings() if "address 12" in text and "0 to 11" in text]) == 1


# what is never looked into


def test_above_address_11_nothing_is_said_of_alarms_that_cannot_be_heard():
    """0x7F4 + 12 does not fit in 11 bits: its silence is not that there are none."""
    for address in (11, 12):
        line = Can(interval=0)
        battery = Battery(line, address)
        battery.faults = bytes((0x10, 0, 0, 0, 0, 0, 0, 0))
        line.run(8000, battery)
        live = line.payloads("%d/live" % address)[-1]
        assert ("alarm_cell_overvoltage" in live) == (address == 11)
        assert live["alarm_list"] == ["cell_overvoltage"], live["alarm_list"]


def test_what_is_no_whole_data_frame_is_counted_and_nothing_else():
    line = Can()
    battery = Battery(line)
    line.run(8000, battery)
    pack = line.bus.packs[0]
    before = bytes(pack.raw), pack.fresh, list(pack.times), line.bus.frames
    odd = bytes((1, 1, 1, 1, 1, 1, 1, 1))
    for base in (ST1, VOLT, ALM, ST2, ERR, CELLS):
        for dlc in range(8):
            line.feed(base, odd, 0, dlc)
        line.feed(base, odd, 0, 8 | can.REMOTE)
        line.feed(base, odd, 0, 8 | can.ERROR)
    for ident in (0x305, 0x351, 0x35E, 0x123, 0x18FF50E5):
        line.feed(ident, odd, 0, 8)
    line.feed(0x305, odd, 0, 3)
    line.feed(0x305, odd, 0, 8 | can.REMOTE)
    assert (bytes(pack.raw), pack.fresh, list(pack.times), line.bus.frames) == before
    foreign, short, remote, errors, implausible = line.bus.rejects
    assert (foreign, short, remote, errors, implausible) == (7, 48, 6, 6, 0)
    assert sorted({ident for ident in line.bus.others if ident}) == sorted(
        [0x305 | 0x20000000, 0x351 | 0x20000000, 0x35E | 0x20000000, 0x123 | 0x20000000, 0x18FF50E5]
    )
    line.run(11000, battery)
    told = line.payloads("bridge/health")[-1]["bus"][0]
    assert told["rejected"] == {"foreign": 7, "short": 48, "remote": 6, "errors": 6, "implausible": 0}
    assert told["frames"] > 300


def test_a_battery_cannot_have_no_voltage_or_more_than_it_can_hold():
    line = Can()
    for data in (st1(volts=0), st1(volts=2501), st1(soc=101), st1(soc=255)):
        line.send(ST1, data)
    assert line.bus.packs == [] and line.bus.rejects[canhearing.IMPLAUSIBLE] == 4
    line.send(ST1, st1(volts=2500, soc=100))
    line.send(ST1, st1(volts=0))
    pack = line.bus.packs[0]
    assert pack.scaled(ROWS["pack_voltage"]) == 250000


def test_nothing_can_be_sent():
    line = Can()
    battery = Battery(line)
    line.run(20000, battery)
    bus = line.bus
    assert bus.tick(line.now()) == 0 and not hasattr(bus, "tx") and not hasattr(bus, "start")
    assert bus.role() == "listen" and bus.state() == "listening"
    line.send(CONTROL, bytes(8))
    line.send(CONTROL, bytes(8))
    assert bus.orders == 2
    assert len([text for text in line.warnings() if "0x18F0F428" in text and "another device" in text]) == 1


def test_a_control_frame_is_told_however_short_it_is():
    line = Can()
    line.feed(CONTROL, bytes(8), 0, 4)
    line.feed(CONTROL, bytes(8), 0, 8 | can.REMOTE)
    assert line.bus.orders == 1 and line.bus.rejects[canhearing.SHORT] == line.bus.rejects[canhearing.REMOTE] == 1
    assert [text for text in line.warnings() if "0x18F0F428" in text]


# values


def test_values_carry_the_names_of_rs485():
    line = Can()
    battery = Battery(line)
    battery.amps = 4000 - 123
    line.run(12000, battery)
    live = line.payloads("0/live")[-1]
    wanted = {"pack_voltage": 53.2, "current": -12.3, "power": -654.36, "soc": 80, "capacity_remaining": 227.3,
              "capacity_full": 280, "cycle_count": 3, "soh": 100, "charge_mos": "ON", "balancing": "OFF",
              "cell_voltage_1": 3.331, "cell_voltage_16": 3.346, "cell_count": 16, "cell_voltage_max": 3.346,
              "cell_voltage_min": 3.331, "cell_voltage_delta": 0.015, "cell_voltage_average": 3.339,
              "mos_temperature": 24, "temperature_1": 24, "temperature_4": 23, "alarms": 0}  # fmt: skip
    for name in wanted:
        assert live[name] == wanted[name], (name, live[name])
    assert live["alarm_list"] == [] and live["alarm_cell_overvoltage"] == "none"
    for name in ("temperature_5", "balance_current", "balance_state", "cell_wire_resistance_1", "cell_voltage_17",
                 "charge_request_voltage", "discharge_time", "alarm_insulation"):  # fmt: skip
        assert name not in live, name
    assert line.texts("0/availability")[-1] == "online"
    assert line.payloads("0/settings") == [] and line.payloads("0/about") == []


def test_an_inverted_battery_counts_discharging_as_positive():
    line = Can(sign="inverted")
    battery = Battery(line)
    battery.amps = 4000 + 50
    line.run(12000, battery)
    live = line.payloads("0/live")[-1]
    assert live["current"] == -5 and live["power"] == -266


def test_a_current_no_pack_gives_is_null():
    """Below -400 A there is no code: what comes then, perhaps of the 16 bits that began again, is no current."""
    for sign in ("normal", "inverted"):
        line = Can(interval=0, sign=sign)
        battery = Battery(line)
        battery.amps = 65535
        line.run(5000, battery)
        live = line.payloads("0/live")[-1]
        assert live["current"] is None and live["power"] is None, live
        assert live["pack_voltage"] == 53.2
        battery.amps = 4100
        line.run(2000, battery)
        assert line.payloads("0/live")[-1]["current"] == (10 if sign == "normal" else -10)


def test_live_messages_come_once_per_interval_and_at_most_once_a_second():
    for interval, least, most in ((5, 9, 12), (0, 48, 56)):
        line = Can(interval=interval)
        line.run(56000, Battery(line))
        again = 2  # what is told once more after discovery
        assert least <= len(line.payloads("0/live")) <= most + again, interval


def test_a_value_of_which_no_more_is_heard_goes_and_a_silent_pack_is_offline():
    line = Can(interval=1)
    battery = Battery(line)
    line.run(10000, battery)
    assert "soh" in line.payloads("0/live")[-1]
    line.run(6200, lambda n: line.send(ST1, st1()))
    live = line.payloads("0/live")[-1]
    assert "soc" in live and "soh" not in live and "capacity_full" not in live
    assert "cell_voltage_1" in live  # 7.5 s
    line.run(3000, lambda n: line.send(ST1, st1()))
    assert "cell_voltage_1" not in line.payloads("0/live")[-1]
    assert line.warnings() == []  # no cells come: none of them is lost
    assert line.texts("0/availability")[-1] == "online"
    count = len(line.payloads("0/live"))
    line.run(6000)
    assert line.texts("0/availability")[-1] == "offline" and len(line.payloads("0/live")) <= count + 1
    assert [text for text in line.warnings() if "now offline" in text]
    line.run(6000, battery)
    assert line.texts("0/availability")[-1] == "online"


def test_time_wraps_unnoticed():
    line = Can(start=0x3FFFFFFF - 6000)
    line.run(20000, Battery(line))
    assert len(line.payloads("0/live")) >= 3 and line.warnings() == []
    assert line.payloads("0/live")[-1]["cell_count"] == 16


# cells


def cells_of(line):
    """Cell voltages of the last live message, mV."""
    live = line.payloads("0/live")[-1]
    return [int(live["cell_voltage_%d" % n] * 1000 + 0.5) for n in range(1, 33) if "cell_voltage_%d" % n in live]


def test_the_number_of_cells_is_learnt():
    for count in (4, 8, 13, 16, 24, 25):
        line = Can(interval=0)
        battery = Battery(line, cells=count)
        line.run(8000, battery)
        assert cells_of(line) == [battery.cell(n) for n in range(1, count + 1)], count
        assert line.payloads("0/live")[-1]["cell_count"] == count


def test_cells_shown_are_of_one_burst():
    """Also in the middle of the next one, whatever else comes between its messages."""
    line = Can(interval=0)
    battery = Battery(line)
    line.run(5000, battery)
    shown = bytes(line.bus.packs[0].burst.shown)
    battery.mv += 100
    for group in range(4):
        assert bytes(line.bus.packs[0].burst.shown) == shown
        line.send(CELLS + 0x10000 * group, words(*[battery.cell(4 * group + i) for i in range(1, 5)]))
        line.send(ST1, st1(battery.volts()))
    assert bytes(line.bus.packs[0].burst.shown) != shown
    assert line.bus.packs[0].burst.joined == 0


def test_messages_of_a_burst_may_change_places():
    line = Can(interval=0)
    battery = Battery(line)
    battery.lost = range(7)

    def each(n):
        battery(n)
        if not n % 15:
            for group in (1, 0, 3, 2):
                line.send(CELLS + 0x10000 * group, words(*[battery.cell(4 * group + i) for i in range(1, 5)]))

    line.run(6000, each)
    assert cells_of(line) == [battery.cell(n) for n in range(1, 17)]
    assert line.bus.packs[0].burst.cut == line.bus.packs[0].burst.joined == 0


def test_cut_bursts_are_joined_while_no_group_is_older_than_three_seconds():
    line = Can(interval=0)
    battery = Battery(line)
    cuts = [(2, 3), (0, 1)]

    def each(n):
        if not n % 15:
            battery.lost = cuts[n // 15 % 2]
        battery(n)

    line.run(20000, each)
    assert cells_of(line) == [battery.cell(n) for n in range(1, 17)]
    burst = line.bus.packs[0].burst
    assert burst.joined > 5 and burst.cut > 5 and burst.starved == 0
    # Each half only every third burst: always one that is too old.
    cuts[:] = [(2, 3), (0, 1, 2, 3), (0, 1, 2, 3)]

    def sparse(n):
        if not n % 15:
            turn = n // 15 % 6
            battery.lost = (2, 3) if turn == 0 else (0, 1) if turn == 3 else (0, 1, 2, 3)
        battery(n)

    line.run(20000, sparse)
    assert "cell_voltage_1" not in line.payloads("0/live")[-1]
    assert "cell_voltage_max" in line.payloads("0/live")[-1]
    assert burst.starved == 1
    assert len([text for text in line.warnings() if "always lost" in text]) == 1
    assert line.payloads("0/link")[-1]["cells_starved"] == 1


def test_cells_that_come_and_go_do_not_fill_the_log():
    line = Can(interval=1)
    battery = Battery(line)
    for _ in range(12):
        battery.lost = ()
        line.run(4000, battery)
        battery.lost = (2, 3)
        line.run(12000, battery)
    assert line.bus.packs[0].burst.starved == 12
    assert len([text for text in line.warnings() if "always lost" in text]) == 4  # the 1st, 2nd, 4th, 8th time


def test_half_of_the_cells_are_not_taken_for_all():
    """A controller with two buffers that never sees more than the first two messages of a burst."""
    line = Can(interval=0)
    battery = Battery(line)
    battery.lost = (2, 3)
    line.run(20000, battery)
    live = line.payloads("0/live")[-1]
    assert "cell_voltage_1" not in live and "cell_count" not in live and live["cell_voltage_max"] == 3.346
    assert len([text for text in line.warnings() if "always lost" in text]) == 1
    battery.lost = ()
    line.run(4000, battery)
    assert cells_of(line) == [battery.cell(n) for n in range(1, 17)]


def test_one_cell_that_is_never_heard_is_missed():
    """17 and 25 cells: the last message of a burst has one cell alone, a 25th of the pack."""
    for count in (17, 25):
        line = Can(interval=0)
        battery = Battery(line, cells=count)
        battery.lost = (count // 4,)
        line.run(20000, battery)
        assert "cell_voltage_1" not in line.payloads("0/live")[-1], count
        battery.lost = ()
        line.run(4000, battery)
        assert cells_of(line) == [battery.cell(n) for n in range(1, count + 1)]


class Torn(Battery):
    """Its cell 3 has lost its sense wire, while the pack voltage is measured as a whole."""

    def cell(self, number):
        return 0 if number == 3 else super().cell(number)

    def say(self, base, data):
        if base == VOLT:
            data = data[:3] + bytes((0, 0, 3, 0, 0))
        super().say(base, data)


def test_a_broken_sense_wire_does_not_hide_the_cells():
    for count in (4, 8, 16):
        line = Can(interval=0)
        battery = Torn(line, cells=count)
        line.run(20000, battery)
        assert cells_of(line) == [battery.cell(n) for n in range(1, count + 1)], count
        assert not [text for text in line.warnings() if "always lost" in text]


# the count of cycled Ah


def cycled(*steps):
    """cycle_capacity in Ah after BATT_ST2 with each (full, raw count, cycles), numbers of 0.1 Ah."""
    pack = CanPack(b"0", 0, "", False)
    for full, raw, cycles in steps:
        pack.keep(words(full, full, raw, cycles), codes.BATT_ST2)
        pack.unwrap()
    return pack.scaled(ROWS["cycle_capacity"]) / 1000


def test_the_cycled_capacity_is_unwrapped_where_cycles_and_capacity_say_so():
    assert cycled((2800, 32875, 35)) == 9841.1  # recording R3
    assert cycled((400, 90, 0)) == 9.0  # R1
    assert cycled((2800, 9339, 3)) == 933.9  # R2
    assert cycled((2800, (2800 * 200 + 50) % 65536, 200)) == 56005.0
    assert cycled((400, 1000, 100)) == 100.0  # they do not fit: what the wire says
    assert cycled((0, 1000, 100)) == 100.0
    assert cycled((65535, 65535, 65535)) == 6553.5


def test_a_count_that_begins_again_is_noticed_even_where_capacity_has_faded():
    assert cycled((2800, 65500, 23), (2800, 10, 23)) == 6554.6
    assert cycled((2800, 65500, 23), (2600, 10, 23), (2600, 20, 30)) == 6555.6


def test_a_history_that_was_wiped_is_no_count_that_begins_again():
    assert cycled((2800, 40000, 14), (2800, 0, 0)) == 0.0
    assert cycled((2800, 32875, 35), (2800, 5, 0)) == 0.5
    assert cycled((2800, 32875, 35), (2500, 32870, 35)) == 9840.6  # restarted: what was not saved yet is lost


# V1


def test_the_older_protocol_is_recognised():
    line = Can()
    line.run(24000, Battery(line, v1=True))
    live = line.payloads("0/live")[-1]
    assert live["discharge_time"] == 12 and live["alarm_insulation"] == "none" and live["temperature_max"] == 24
    for name in ("cell_voltage_1", "cell_count", "capacity_full", "charge_mos", "temperature_1", "soh"):
        assert name not in live
    assert line.payloads("0/link")[-1]["protocol"] == 1
    found = [topic for _, topic, _ in line.messages if topic.endswith("/config")]
    assert "homeassistant/sensor/jkbms_0/alarm_insulation/config" in found
    assert not [topic for topic in found if "cell_voltage_1/" in topic or "link_timeouts" in topic]


# alarms


def test_alarms_and_faults_end_by_silence_while_the_battery_is_heard():
    line = Can()
    battery = Battery(line)
    line.run(10000, battery)
    battery.alarms = bytes((0x43, 0, 0x20, 0, 0, 0, 0, 0))  # cell OV 3, pack UV 1, SOC low 2
    battery.faults = words(0x0002, 0x0001)  # MOSFET too hot, charge MOSFET
    line.run(1000, battery)
    assert line.payloads("0/event")[0]["event_type"] == "alarm_raised"
    raised = [name for event in line.payloads("0/event") for name in event["alarms"]]
    assert sorted(raised) == ["cell_overvoltage", "charge_mos_fault", "mos_overtemp", "pack_undervoltage", "soc_low"]
    line.run(5000, battery)
    live = line.payloads("0/live")[-1]
    both = ["mos_overtemp", "cell_overvoltage", "pack_undervoltage", "charge_mos_fault", "soc_low"]
    assert live["alarm_list"] == both
    assert live["alarm_cell_overvoltage"] == "general" and live["alarm_soc_low"] == "important"
    assert live["alarms"] == 1 << 1 | 1 << 4 | 1 << 12 | 1 << 16
    battery.faults = battery.alarms = None
    line.run(2500, battery)
    assert len(line.payloads("0/event")) == 1  # not yet
    line.run(3500, battery)
    assert line.payloads("0/live")[-1]["alarm_list"] == []
    cleared = line.payloads("0/event")[1:]
    assert {event["event_type"] for event in cleared} == {"alarm_cleared"}
    assert sorted([name for event in cleared for name in event["alarms"]]) == sorted(raised)
    assert [text for text in line.warnings() if text.endswith("alarms now: none")]


def test_faults_behind_the_last_that_is_documented_have_no_name():
    line = Can()
    battery = Battery(line)
    line.run(10000, battery)
    battery.faults = words(0x8000, 0x800A)
    line.run(6000, battery)
    bits = ["discharge_overtemp", "discharge_mos_fault", "bit_19", "bit_31"]
    live = line.payloads("0/live")[-1]
    assert live["alarm_list"] == line.payloads("0/event")[0]["alarms"] == bits
    assert live["alarms"] == 0x800A8000
    assert line.warnings()[-1].endswith("alarms now: discharge overtemp, discharge mos fault, bit 19, bit 31")


def test_alarms_are_not_cleared_because_the_whole_bus_is_silent():
    line = Can()
    battery = Battery(line)
    line.run(10000, battery)
    battery.faults = words(2)
    line.run(2000, battery)
    events = len(line.payloads("0/event"))
    line.run(4500)
    assert len(line.payloads("0/event")) == events == 1
    line.run(2000, battery)
    assert len(line.payloads("0/event")) == events


# two packs at one address


def test_two_batteries_with_one_address_are_told_and_not_shown():
    line = Can(interval=1)
    first = Battery(line)
    line.run(8000, first)
    second = Battery(line, soc=60)

    def both(n):
        first(n)
        second(n)

    line.run(3000, both)
    assert len([text for text in line.warnings() if "two batteries send with CAN address 0" in text]) == 1
    assert line.texts("0/availability")[-1] == "offline"
    count = len(line.payloads("0/live"))
    line.run(20000, both)
    assert len(line.payloads("0/live")) == count
    line.run(65000, first)
    assert line.texts("0/availability")[-1] == "online"
    assert [text for level, text in line.said if "one pack answers again" in text]


def test_what_was_learnt_of_two_batteries_is_forgotten_when_one_is_left():
    for stays in (0, 1):
        line = Can(interval=1)
        batteries = [Battery(line), Battery(line, cells=8, soc=60)]
        batteries[0].cycled = (2273, 2800, 9000, 3)
        batteries[1].cycled = (2273, 2800, 62000, 22)
        line.run(8000, batteries[0])

        line.run(20000, lambda n, b=batteries: [battery(n) for battery in b])
        assert not [text for text in line.warnings() if "always lost" in text]
        line.run(70000, batteries[stays])
        live = line.payloads("0/live")[-1]
        assert live["cycle_capacity"] == (900, 6200)[stays], live
        assert live["cell_count"] == (16, 8)[stays] and len(cells_of(line)) == (16, 8)[stays]


def test_two_batteries_alike_are_known_by_their_run_times():
    line = Can(interval=1)
    first = Battery(line)
    second = Battery(line)
    second.runtime = 40000

    def both(n):
        first(n)
        second(n)

    line.run(8000, both)
    assert [text for text in line.warnings() if "two batteries send with CAN address 0" in text]


def test_a_jump_of_the_charge_and_a_restart_are_no_second_battery():
    line = Can(interval=1)
    battery = Battery(line)
    line.run(8000, battery)
    battery.soc = 100
    battery.runtime = 5
    line.run(8000, battery)
    assert line.warnings() == [] and line.payloads("0/live")[-1]["soc"] == 100


def test_a_battery_that_is_configured_and_never_heard_is_missed_once():
    line = Can(packs=[0, 3])
    line.run(40000)
    assert line.warnings() == []  # nothing comes at all: the port says that
    battery = Battery(line)
    line.run(29000, battery)
    assert line.warnings() == []
    line.run(30000, battery)
    told = [text for text in line.warnings() if "has not been heard" in text]
    assert len(told) == 1 and told[0].startswith("pack 3 has not been heard on CAN: nothing comes from address 3")
    assert line.texts("3/availability")[-1] == "offline" and line.texts("0/availability")[-1] == "online"
    line = Can()
    line.bridge.received(b"jkbms/3/availability", b"online", True, False, line.now())
    line.run(40000, Battery(line))
    assert line.warnings() == []  # an earlier run knew it, nobody asked for it


def test_packs_of_a_bus_live_side_by_side():
    line = Can()
    batteries = [Battery(line, address, soc=50 + address) for address in range(12)]

    def all_of_them(n):
        for battery in batteries:
            battery(n)

    line.run(12000, all_of_them)
    for battery in batteries:
        assert line.payloads("%d/live" % battery.address)[-1]["soc"] == battery.soc
    assert line.payloads("bridge/health")[-1]["packs_online"] == 12
