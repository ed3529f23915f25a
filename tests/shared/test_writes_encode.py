"""The bytes of writes: equal to the captured ones, and no way to any other register."""

import core_bytes as cb
import core_writes as cw

from jkcore.fields import codes, table
from jkcore.writes import actions, encode, limits
from jkcore.writes.reading import Reading


def encoded(rows, values, one=None, address=1):
    tx = bytearray(16)
    return bytes(tx[: encode.put_write(tx, address, rows, values, one)])


def reading(word=0, firmware="19.27"):
    made = Reading(cw.pack(firmware=firmware), [1])
    frame = cw.settings()
    cb.put(frame, 282, word, 2)
    made.keep(cb.seal(frame), 1)
    made.keep(cw.about(), 3)
    return made


def rows_and_values(register, data, one):
    """What a captured write sets, in the words of the table."""
    at = 6 + (register & 0x3FF)
    rows, values = [], []
    for limit in limits.every():
        row = table.at(limit.row)
        bit = row.kind == codes.BIT
        if row.frame_type != (3 if register >= 0x1400 else 1):
            continue
        if bit and row.offset >> 4 == at:
            word = data[0] << 8 | data[1]
            rows.append(limit.row)
            values.append(word >> (row.offset & 15) & 1)
        elif not bit and row.offset == at and len(data) == 4:
            rows.append(limit.row)
            values.append(data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3])
        elif not bit and len(data) == 2 and row.offset in (at, at + 1):
            rows.append(limit.row)
            values.append(data[row.offset - at])
    return rows, values


def test_captured_writes_are_encoded_alike():
    seen = 0
    cb.need("modbus_switch_writes_v1541.hex", "modbus_writes_txubelaxu_v1420_v1532.hex")
    for name in ("modbus_switch_writes_v1541.hex", "modbus_writes_txubelaxu_v1420_v1532.hex"):
        data = cb.read(name)
        at = 0
        while at < len(data):
            if data[at + 1] != 0x10:
                at += 5  # an exception
                continue
            length = 9 + data[at + 6] if data[at + 6] in (2, 4) and data[at + 6] == 2 * data[at + 5] else 8
            unit = data[at : at + length]
            at += length
            assert cb.sealed(unit[:-2]) == unit, name
            if length == 8:
                continue
            rows, values = rows_and_values(unit[2] << 8 | unit[3], unit[7:-2], None)
            assert rows, unit.hex()
            assert encoded(rows, values, reading(0xFFFF), unit[0]) == unit, unit.hex()
            seen += 1
    assert seen == 15, seen


def test_captured_preset_is_encoded_alike():
    assert encoded([actions.find("preset_li_ion")], [0]).hex() == "0110160a0001020000d13b"


def test_negative_temperature_of_the_vendor():
    """-25 degC -> FF FF FF 06 at 0x105C (section 8.1)."""
    row = table.find("charge_undertemperature_protection", 1)
    assert encoded([row], [-250])[2:11].hex() == "105c000204ffffff06"


def test_every_register_that_can_be_reached_is_a_documented_one():
    reached = {}
    for limit in limits.every():
        reached[encode.register_of(limit.row)] = encode.words_of(limit.row)
    for name in actions.names():
        action = actions.find(name)
        assert encode.register_of(action) not in reached
        reached[encode.register_of(action)] = encode.words_of(action)
    documented = {}
    for register in cw.PARAMETERS + cw.ABOUT_PARAMETERS:
        documented[register] = 2
    for register in cw.PAIRS:
        documented[register] = 1
    documented.update(cw.ORDERS)
    assert reached == documented
    for register in cw.FORBIDDEN:
        assert register not in reached


def test_nothing_else_has_an_encoding():
    """Every number that is no row with a tier, and no action, is an error, whatever asks for it."""
    allowed = [limit.row for limit in limits.every()]
    tried = 0
    for r in list(range(-5, table.rows() + 300)) + list(range(actions.FIRST - 40, actions.FIRST + 80)):
        if r in allowed or 0 <= r - actions.FIRST < len(actions.names()):
            continue
        tx = bytearray(16)
        try:
            encode.put_write(tx, 1, [r], [0], reading())
        except (ValueError, IndexError):
            tried += 1
            assert tx[3] == 0 and tx[2] == 0, "half a request"
            continue
        raise AssertionError("row %d was encoded: %s" % (r, tx.hex()))
    assert tried > 500


def test_a_shared_register_keeps_what_is_not_asked():
    one = reading(0x3291)
    bit = table.find("charging_float_mode", 1)
    assert encoded([bit], [0], one)[7:9].hex() == "3091"
    assert encoded([bit], [1], one)[7:9].hex() == "3291"
    for limit in limits.every():
        if table.at(limit.row).kind == codes.BIT:
            for word in (0, 0xFFFF, 0xA5C3):
                for value in (0, 1):
                    got = encoded([limit.row], [value], reading(word))
                    mask = 1 << (table.at(limit.row).offset & 15)
                    assert (got[7] << 8 | got[8]) & ~mask == word & ~mask
                    assert bool((got[7] << 8 | got[8]) & mask) == bool(value)
    assert encoded([table.find("heating_start_temperature", 1)], [-5], one)[2:9].hex() == "1116000102fb0f"
    assert encoded([table.find("heating_stop_temperature", 1)], [20], one)[2:9].hex() == "11160001020514"
    assert encoded([table.find("smart_sleep_time", 1)], [48], one)[2:9].hex() == "111800010230fe"
    assert encoded([table.find("rcv_time", 3)], [25], one)[2:9].hex() == "15040001021932"
    assert encoded([table.find("rfv_time", 3)], [1], one)[2:9].hex() == "15040001021401"
    both = [table.find("rfv_time", 3), table.find("rcv_time", 3)]
    assert encoded(both, [10, 20], one)[2:9].hex() == "1504000102140a"
    assert encoded([table.find("can_protocol", 3)], [2], one)[2:9].hex() == "14b20001020102"
    assert encoded([table.find("uart2_protocol", 3)], [3], one)[2:9].hex() == "14d4000102037e"
    assert encoded([table.find("dry2_trigger", 3)], [9], one)[2:9].hex() == "14e60001020901"


def test_limits_contain_what_every_recorded_pack_holds():
    """Home Assistant refuses to show a number outside them."""
    frames = 0
    for kind in (cb.SETTINGS, cb.ABOUT):
        for name in cb.names():
            for frame in cb.frames_in(cb.read(name), kind):
                frames += 1
                one = Reading(cw.pack(firmware="14.20"), [])
                one.keep(frame, kind)
                one.firmware = 1900  # all rows
                for limit in limits.every():
                    row = table.at(limit.row)
                    if row.frame_type == kind and row.show != codes.SWITCH:
                        value = one.scaled(limit.row)
                        unset = kind == cb.SETTINGS and row.when == codes.FW_15_41 and value == 0
                        assert limit.low <= value <= limit.high or unset, (name, table.name(limit.row), value)
                        assert value % limit.step == 0
    assert frames > 30


def test_limits_are_numbers_that_a_command_can_say():
    for limit in limits.every():
        row = table.at(limit.row)
        name = table.name(limit.row)
        assert limit.low < limit.high, name
        assert limit.low % limit.step == 0 and limit.high % limit.step == 0, name
        if row.kind in (codes.U32, codes.U8, codes.BIT):
            assert limit.low >= 0, name
        if row.kind in (codes.U8, codes.BIT):
            assert limit.high <= (1 if row.kind == codes.BIT else 255), name
        if row.kind == codes.S8:
            assert -128 <= limit.low and limit.high <= 127, name
        assert -(2**30) < limit.low and limit.high < 2**30, name
        if row.show == codes.SWITCH:
            assert (limit.low, limit.high) == (0, 1), name
        options = table.options(row)
        if options:
            assert limit.high == len(options) - 1, name
    never = [n for n in ("short_circuit_protection_delay", "rcv_time") if limits.of(limits.find(n)).low < 1]
    assert never == [], "0 is never offered"
