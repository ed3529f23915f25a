"""What a simulated pack takes, refuses and shows when it is written to (protocol/rs485.md 8, 2.3, 2.4)."""

import pytest
from simulator_writes import KEPT, SETTINGS, ask, parts, read_back, request, write

from jkbridge.simulator import Battery, Line, Slave, make_line
from jkbridge.simulator.modbus import read_request
from jkbridge.simulator.registers import COMMANDS, REGISTERS, WRITABLE, span_of, words_of


def units(path):
    """(comment, bytes) of each unit of a recording."""
    comment, found = "", []
    for row in path.read_text().splitlines():
        if row.startswith("#"):
            comment = row
            found.append((comment, bytearray()))
        elif row:
            found[-1][1].extend(bytes.fromhex(row))
    return [(comment, bytes(data)) for comment, data in found if data]


# -- captures


def test_captured_switch_writes_get_the_captured_acks(frames_dir):
    said = [data for _, data in units(frames_dir / "rs485" / "modbus_switch_writes_v1541.hex")]
    line = make_line([1], firmware="15.41")
    for on, off, ack, name in ((*said[:3], "charge_switch"), (*said[3:], "balance_switch")):
        for data, value in ((off, 0), (on, 1)):
            assert ask(line, data) == ack
            assert line.slaves[1].settings()[name] == value


def test_captured_parameter_writes_are_taken_or_refused_as_captured(frames_dir):
    line = make_line([2], firmware="14.20")
    said = units(frames_dir / "rs485" / "modbus_writes_txubelaxu_v1420_v1532.hex")
    kept = {0x1000: 3500, 0x1084: 3440, 0x1038: 1100, 0x1030: 3}
    exceptions = 0
    for i, (_, data) in enumerate(said):
        if data[1] & 0x80:
            continue
        register = int.from_bytes(data[2:4], "big")
        answer = ask(line, data)
        if i + 1 < len(said) and said[i + 1][1][1] & 0x80:
            assert answer == said[i + 1][1]
            exceptions += 1
        else:
            assert answer[:6] == data[:6]
            assert len(answer) == 8
            settings = line.slaves[2].settings()
            value = int.from_bytes(data[7:-2], "big")
            assert [settings[name] for _, name in REGISTERS[register] if name] == [value]
            assert kept.get(register, value) == value
    assert exceptions == 2
    assert (line.slaves[2].writes.refused, len(line.slaves[2].writes.log)) == (2, len(said) - 2)


@pytest.mark.parametrize("chemistry", ["lfp", "liion"])
def test_a_captured_preset_gets_the_captured_settings_frame_and_ack(frames_dir, chemistry):
    (_, asked), (_, frame), (_, ack) = units(frames_dir / "rs485" / f"exchange_tlamoureux_onekey_{chemistry}_v1530.hex")
    line = Line([Slave(1, Battery("15.30", rating="PB1A16S15P", capacity_ah=2))])
    line.slaves[1].battery.settings.update(controls=0x0210, max_balance_current=800, max_charge_current=3000)
    assert ask(line, asked) == frame + ack
    unit = ask(line, request(1, SETTINGS, b"\0\0"))
    assert unit[:300] == frame


def test_captured_register_reads(frames_dir):
    folder = frames_dir / "rs485"
    line = Line([Slave(1, Battery("15.41", cells=12, stories=()))])
    (_, asked), (_, none) = units(folder / "modbus_alarm_read_none_v1541.hex")
    assert ask(line, asked) == none
    said = [data for _, data in units(folder / "modbus_fc03_reads_bms_to_inverter179.hex")]
    for asked, answer in zip(said[::2], said[1::2], strict=True):
        heard = ask(line, asked)
        assert len(heard) == len(answer)
        if asked[2:4] == b"\x10\x6c":
            assert heard == answer
    assert len(said) == 8


# -- every register


@pytest.mark.parametrize("register", KEPT)
def test_the_ends_of_every_range_come_back_in_the_next_frame(register):
    names = [name for _, name in REGISTERS[register] if name]
    for end in (0, 1):
        line = make_line([1], firmware="19.27", order="none")
        values = {name: span_of(name)[end] for name in names}
        assert write(line, 1, register, parts(register, values))[:2] == b"\x01\x10"
        pack = line.stations[0]
        said = read_back(line, pack.address)
        assert {name: said[name] for name in names} == values
        assert {name: pack.settings()[name] for name in names} == values
        assert pack.writes.log[-1].asked == values
        assert pack.writes.log[-1].stored == values


@pytest.mark.parametrize("register", sorted(REGISTERS))
def test_beyond_the_ends_of_every_range_nothing_changes(register):
    line = make_line([1], order="none")
    before = line.slaves[1].settings()
    for kind, name in REGISTERS[register]:
        if not name:
            continue
        bits = {"8": 8, "6": 16, "2": 32}[kind[-1]]
        low, high = span_of(name)
        held = (-(1 << bits - 1), (1 << bits - 1) - 1) if kind[0] == "i" else (0, (1 << bits) - 1)
        for beyond in (low - 1, high + 1):
            if held[0] <= beyond <= held[1]:
                values = {other: span_of(other)[0] for _, other in REGISTERS[register] if other} | {name: beyond}
                assert write(line, 1, register, parts(register, values))[:3] == b"\x01\x90\x03"
    assert line.slaves[1].settings() == before


def test_every_other_register_is_refused():
    line = make_line([1])
    known = set(REGISTERS) | {0x161C, 0x161E, 0x1620, 0x1626}
    tried = 0
    for register in [*range(0x1000, 0x1140), *range(0x1200, 0x1210), *range(0x1400, 0x1520), *range(0x1600, 0x1630)]:
        if register not in known:
            assert write(line, 1, register, b"\0\0\0\0")[:3] == b"\x01\x90\x02"
            tried += 1
    pack = line.slaves[1]
    assert 0x1110 not in known
    assert pack.writes.refused == tried == sum(pack.writes.counts.values())
    assert pack.writes.counts[0x1110] == 1
    assert all((entry.fate, entry.code, entry.asked) == ("refused", 2, {}) for entry in pack.writes.log)


def test_a_write_of_another_width_is_refused():
    line = make_line([1])
    for register in sorted(REGISTERS):
        for words in {1, 2, 3, 4} - {words_of(register)}:
            assert write(line, 1, register, bytes(2 * words))[:3] == b"\x01\x90\x03"
    # two words announced, two bytes sent
    assert ask(line, request(1, 0x1070, b"\0\1", words=2))[:3] == b"\x01\x90\x03"
    assert line.slaves[1].settings()["charge_switch"] == 1


def test_a_write_with_a_wrong_crc_is_met_with_silence():
    good = request(1, 0x1070, b"\0\0\0\0")
    for bit in range(8 * len(good)):
        bent = bytearray(good)
        bent[bit // 8] ^= 1 << bit % 8
        line = make_line([1])
        assert ask(line, bytes(bent)) == b""
        assert line.slaves[1].settings()["charge_switch"] == 1
        assert not line.slaves[1].writes.log


def test_read_only_bytes_beside_a_value_stay():
    for register, offset, data in ((0x1118, 287, b"\x0c\x55"), (0x14D4, 219, b"\x01\x55"), (0x14E6, 237, b"\x03\x55")):
        line = make_line([1])
        name = "settings" if register < 0x1200 else "about"
        before = line.slaves[1].frame(name, 0)
        assert write(line, 1, register, data)[:2] == b"\x01\x10"
        after = line.slaves[1].frame(name, 0)
        assert after[offset] == before[offset]
        assert after[offset - 1] == data[0]


def test_a_written_value_reads_back_over_fc03():
    line = make_line([1])
    write(line, 1, 0x105C, b"\xff\xff\xff\x06")  # the vendor's sample: -25.0 degC
    assert line.slaves[1].settings()["charge_undertemperature_protection"] == -250
    assert ask(line, read_request(1, 0x105C, 2))[3:7] == b"\xff\xff\xff\x06"
    write(line, 1, 0x1116, b"\xfb\x05")
    assert ask(line, read_request(1, 0x1116, 1))[3:5] == b"\xfb\x05"


# -- the order of values


def voltage(line, register, millivolt):
    return write(line, 1, register, millivolt.to_bytes(4, "big"))[1] == 0x10


OVP, OVPR, SOC100, RCV, RFV, POWER_OFF, UVP = 0x100C, 0x1010, 0x1018, 0x1020, 0x1024, 0x1028, 0x1004


def test_the_enforced_order_needs_the_right_way_round():
    line = make_line([1])  # OVP 3650 > SOC-100 % 3590 > OVPR 3580
    assert not voltage(line, SOC100, 3650)
    assert not voltage(line, SOC100, 3580)
    assert not voltage(line, OVPR, 3590)
    assert not voltage(line, OVP, 3590)
    assert [entry.code for entry in line.slaves[1].writes.log] == [3] * 4
    assert voltage(line, OVPR, 3500)
    assert voltage(line, SOC100, 3501)
    assert voltage(line, OVP, 3502)
    assert voltage(line, POWER_OFF, 2700)  # nothing else is enforced
    assert voltage(line, RFV, 3700)


def test_the_strict_order_is_an_option():
    line = make_line([1], order="strict")
    assert not voltage(line, POWER_OFF, 2580)
    assert voltage(line, POWER_OFF, 2579)
    assert not voltage(line, UVP, 2600)
    assert not voltage(line, RCV, 3590)
    assert not voltage(line, RFV, 3600)
    assert write(line, 1, 0x105C, (70).to_bytes(4, "big"))[1] == 0x90
    assert write(line, 1, 0x105C, (69).to_bytes(4, "big"))[1] == 0x10
    assert write(line, 1, 0x1068, (800).to_bytes(4, "big"))[1] == 0x90
    with pytest.raises(ValueError, match="enforced"):
        make_line([1], order="wild")


@pytest.mark.parametrize("order", ["enforced", "strict"])
@pytest.mark.parametrize("firmware", ["14.20", "15.30", "15.41", "19.27"])
def test_every_register_takes_the_value_it_has(order, firmware):
    line = make_line([1], firmware=firmware, order=order)
    for register in KEPT:
        kept = line.slaves[1].settings()
        assert write(line, 1, register, parts(register, kept))[1] == 0x10
        assert line.slaves[1].settings() == kept


def test_names_that_can_be_written_are_in_the_frames():
    truth = make_line([1]).slaves[1].truth(0)
    assert [name for name in WRITABLE if name not in COMMANDS and name not in truth] == []
