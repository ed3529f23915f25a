"""Numbers, JSON and command words: what is understood, and that everything else is refused."""

import core_bytes as cb

from jkcore.fields import table
from jkcore.writes import actions, command, decimals, jsonobject, limits, lock, texts
from jkcore.writes.command import Command
from jkcore.writes.refusal import CommandError


def number(text, places=3, step=1):
    try:
        return decimals.scaled(text, places, step, "field")
    except CommandError as why:
        return texts.sentence(why.code, why.values)


def test_decimal_text_becomes_the_exact_integer():
    for text, value in (
        ("3.455", 3455), ("3.45", 3450), ("3", 3000), ("-5", -5000), ("-0.001", -1), ("0", 0), ("-0", 0), ("-0.0", 0),
        ("3.4550000000000001", 3455), ("3.4549999999999998", 3455), ("2.7000000000000002", 2700), ("0003.5", 3500),
        ("600.1", 600100), ("1073741.823", 1073741823),
    ):  # fmt: skip
        assert number(text) == value, text
    # What a 32-bit float makes 3454 of.
    for millivolt in range(1000, 5001):
        text = "%d.%03d" % (millivolt // 1000, millivolt % 1000)
        assert number(text) == millivolt


def test_what_is_no_plain_decimal_is_refused():
    for text in (
        "", " ", "-", ".", ".5", "5.", "-.5", "+5", "1e3", "1E3", "0x10", "3,45", "3.4.5", "--5", "5-", "3 4", " 3",
        "3 ",
        "nan", "inf", "true", "1_000", "\u0663", "\uff13", "3\n", "3.45.", "0" * 25, "9" * 400, "NaN", "Infinity",
    ):  # fmt: skip
        assert isinstance(number(text), str), text


def test_grid():
    assert number("3.45501") == 3455, "within 1/100 step"
    assert number("3.45499") == 3455
    assert "steps of 0.001" in number("3.455011")
    assert "steps of 0.001" in number("3.454989")
    assert "steps of 0.001" in number("3.4555")
    assert number("280", 3, 1000) == 280000
    assert number("280.01", 3, 1000) == 280000
    assert "steps of 1.00" in number("280.02", 3, 1000)
    assert number("-12.5", 1) == -125
    assert "steps of 0.1" in number("-12.55", 1)
    assert number("30", 0) == 30
    assert "steps of 1" in number("30.5", 0)


def test_text_for_people():
    for value, places, text in (
        (3600, 3, "3.60"), (3455, 3, "3.455"), (200000, 3, "200.00"), (-5, 3, "-0.005"), (0, 3, "0.00"), (-200, 1,
        "-20.0"),
        (-5, 1, "-0.5"), (30, 0, "30"), (20, 1, "2.0"),
    ):  # fmt: skip
        assert decimals.plain(value, places) == text


# JSON


def members(payload):
    try:
        return jsonobject.read(payload)
    except CommandError as why:
        return texts.sentence(why.code, why.values)


def test_an_object_keeps_its_numbers_as_text():
    assert members(b'{"a": 3.4550000000000001 , "b":"ON","c":true,\t"d" : -5\n}') == [
        ("a", "3.4550000000000001"), ("b", "ON"), ("c", "true"), ("d", "-5"),
    ]  # fmt: skip
    assert members(b"{}") == []
    assert members(b' { "x":"" } ') == [("x", "")]
    assert members(b'{"a":1e3}') == [("a", "1e3")], "its field refuses it"


def test_other_json_is_refused():
    for payload in (
        b"", b" ", b"{", b"}", b"[]", b"[1]", b"1", b'"a"', b"null",
        b"{a:1}", b'{"a"}', b'{"a":}', b'{"a":1,}', b'{,"a":1}',
        b'{"a":1 "b":2}', b'{"a":1}{', b'{"a":1}x', b'{"a":{"b":1}}', b'{"a":[1]}', b'{"a":null}', b'{"a":"x}',
        b'{"a":"\\n"}',
        b'{"a\\u0041":1}', b'{"a":"\xc3\xa4"}', b'{"a":\xff}', b'{"a":"\x01"}', b'{"a":nan}', b'{"a":tru}',
        b'{"a":truefalse}',
        b'{"a":+1}', b"{'a':1}", b'{"a":1,"a":2}', b'{"a":"1","b":2,"a":3}', b'{"a":1', b'{"a":1,"b"', b'{"a"', b'{"',
        b"{" * 512, b'{"a":' * 100, b"\x00" * 512, b'{"a":1,,"b":2}', b'{"a"::1}',
    ):  # fmt: skip
        assert isinstance(members(payload), str), payload


def test_any_bytes_at_all_are_read_or_refused():
    chance = cb.Chance(77)
    seeds = (
        b'{"cell_overvoltage_protection": 3.60, "confirm": "CONFIRM 1"}',
        b'{"charge_switch":"ON","id":"x"}',
        b"3.6",
    )
    outcomes = [0, 0]
    for turn in range(1500):
        payload = bytearray(seeds[turn % 3])
        for _ in range(chance.below(5)):
            payload[chance.below(len(payload))] = chance.below(256)
        payload = bytes(payload[: chance.below(len(payload) + 1) if turn & 1 else 512])
        if turn % 5 == 0:
            payload = chance.bytes(chance.below(60))
        try:
            Command(b"1", "" if turn % 3 < 2 else "cell_overvoltage_protection").read(payload, lock.ALL)
            outcomes[0] += 1
        except CommandError as why:
            assert texts.sentence(why.code, why.values)
            outcomes[1] += 1
    assert outcomes[0] > 20 and outcomes[1] > 500, outcomes


# Commands


def read(payload, field="", level=lock.ALL):
    """[(name, value)] of a command, or its refusal."""
    one = Command(b"1", field)
    try:
        one.read(payload, level)
    except CommandError as why:
        return texts.sentence(why.code, why.values)
    return [(table.name(r) if r < actions.FIRST else actions.entry(r)[0], v) for r, v in zip(one.rows, one.asked)]


def test_single_values():
    assert read(b"3.455", "cell_overvoltage_protection") == [("cell_overvoltage_protection", 3455)]
    assert read(b" 3.455\n", "cell_overvoltage_protection") == [("cell_overvoltage_protection", 3455)]
    for word, value in ((b"ON", 1), (b"on", 1), (b"true", 1), (b"1", 1), (b"OFF", 0), (b"False", 0), (b"0", 0)):
        assert read(word, "charge_switch") == [("charge_switch", value)]
    for word in (b"", b"2", b"yes", b"ON OFF", b"1.0", b"o n", b"\xff"):
        assert "neither ON nor OFF" in read(word, "charge_switch"), word
    assert read(b"low_soc", "lcd_buzzer_trigger") == [("lcd_buzzer_trigger", 1)]
    assert read(b"13", "lcd_buzzer_trigger") == [("lcd_buzzer_trigger", 13)]
    assert "none of: off, low_soc" in read(b"loud", "lcd_buzzer_trigger")
    assert "outside its range" in read(b"15", "lcd_buzzer_trigger")
    assert read(b"-20", "charge_undertemperature_protection") == [("charge_undertemperature_protection", -200)]


def test_fields_that_do_not_exist_or_are_not_to_be_changed():
    for field in ("soc", "nonsense", "cell_voltage_1", "connection", "cell_overvoltage_protection ", "../x", "set"):
        assert "there is no field" in read(b'{"%s": 1}' % field.encode()), field
    assert read(b'{"": 1}') == "the command names no field"
    for field in (
        "current_range_raw", "controls", "model", "setup_password", "device_passcode",
        "discharge_undertemperature_protection",
        "discharge_undertemperature_recovery", "rebulk_soc", "uart3_protocol", "emergency_time", "data_field_enable_0",
        "connection_wire_resistance_0", "uart_protocol_library_version", "serial_number", "odd_run_time",
    ):  # fmt: skip
        assert "cannot be changed" in read(b'{"%s": 1}' % field.encode()), field


def test_every_tier():
    """Exactly the lists of the issue."""
    tiers = {1: [], 2: [], 3: []}
    for limit in limits.every():
        tiers[limit.tier].append(table.name(limit.row))
    assert sorted(tiers[1]) == sorted(
        "charge_switch balance_switch balance_trigger_voltage balance_start_voltage max_balance_current "
        "cell_request_charge_voltage cell_request_float_voltage rcv_time rfv_time heating_start_temperature "
        "heating_stop_temperature smart_sleep_time lcd_always_on timed_stored_data charging_float_mode "
        "dry_alarm_intermittent".split()
    )
    assert sorted(tiers[3]) == sorted(
        "discharge_switch battery_capacity cell_count device_address short_circuit_protection_delay uart1_protocol "
        "can_protocol uart2_protocol port_rs485 temp_sensors_disabled gps_heartbeat gps_lock_charge gps_lock_discharge "
        "emergency_button".split()
    )
    assert len(tiers[2]) == 40, "all the other documented settings"
    for limit in limits.every():
        name = table.name(limit.row)
        value = str(max(-(-limit.low // 10 ** table.at(limit.row).decimals), 1)).encode()
        off = read(value, name, lock.OFF)
        assert "needs writes = " in off and "now it is off" in off, off
        if limit.tier == 3 and name != "discharge_switch":
            assert "needs writes = all" in read(value, name, lock.SAFE)
            assert "confirmation word 'CONFIRM 1'" in read(value, name)
            assert len(read(value + b" CONFIRM 1", name)) == 1, name
            for word in (b" CONFIRM", b" CONFIRM 2", b" confirm 1", b" CONFIRM 11"):
                assert isinstance(read(value + word, name), str), word
        elif limit.tier == 2 and not name.startswith("max_"):
            assert "needs writes = all; now it is safe" in read(value, name, lock.SAFE)


def test_switching_discharge_on_is_safe_and_off_is_not():
    assert read(b"ON", "discharge_switch", lock.SAFE) == [("discharge_switch", 1)]
    assert "needs writes = all" in read(b"OFF", "discharge_switch", lock.SAFE)
    assert "confirmation word" in read(b"OFF", "discharge_switch", lock.ALL)
    assert read(b"OFF CONFIRM 1", "discharge_switch", lock.ALL) == [("discharge_switch", 0)]
    assert read(b'{"discharge_switch":"OFF","confirm":"CONFIRM 1"}') == [("discharge_switch", 0)]
    assert "confirmation word" in read(b'{"discharge_switch":"OFF","confirm":"CONFIRM 2"}')


def test_actions_are_dangerous_and_come_alone():
    for name in actions.names():
        values = {"calibrate_voltage": b"53.2", "calibrate_current": b"-20.5", "set_clock": b"180000000"}
        value = values.get(name, b"PRESS")
        for level in (lock.OFF, lock.SAFE):
            assert "needs writes = all" in read(value + b" CONFIRM 1", name, level), name
        assert "confirmation word" in read(value, name)
        assert read(value + b" CONFIRM 1", name)[0][0] == name
        both = b'{"confirm":"CONFIRM 1","%s":"%s","charge_switch":"ON"}' % (name.encode(), value)
        assert read(both) == name + " must be the only thing in its command"
        both = b'{"confirm":"CONFIRM 1","charge_switch":"ON","%s":"%s"}' % (name.encode(), value)
        assert read(both) == name + " must be the only thing in its command"
    assert "takes the payload PRESS" in read(b"ON CONFIRM 1", "shutdown")
    assert "outside its range" in read(b"5.3 CONFIRM 1", "calibrate_voltage")
    assert "no plain decimal" in read(b"2026-01-01 CONFIRM 1", "set_clock")


def test_what_may_not_be_an_order_given_just_now():
    def said(*given):
        try:
            command.admit(*given)
        except CommandError as why:
            return texts.sentence(why.code, why.values)
        return ""

    assert said(b"x", False, False, 2000, True) == ""
    assert "2 s of subscribing" in said(b"x", False, False, 1999, True)
    assert "retained" in said(b"x", True, False, 9000, True)
    assert "DUP" in said(b"x", False, True, 9000, True)
    assert "512 bytes" in said(None, False, False, 9000, True)
    assert "512 bytes" in said(bytes(513), False, False, 9000, True)
    assert said(bytes(512), False, False, 9000, True) == ""
    assert "whether another one has its topics" in said(b"x", False, False, 9000, False)


# Lock


def test_lock_closes_by_itself():
    one = lock.Lock("off")
    assert one.level(5) == lock.OFF
    one.open(lock.SAFE, 10, 1000)
    assert one.level(1000) == lock.SAFE
    assert one.level(600999) == lock.SAFE
    assert one.level(601000) == lock.OFF
    assert one.level(700000) == lock.OFF
    one.open(lock.ALL, 1, 0x3FFFFFF0)
    assert one.level(10) == lock.ALL, "across the wrap"
    assert one.level(60010) == lock.OFF
    one.open(lock.ALL, 60, 0)
    one.open(lock.OFF, 0, 5)
    assert one.level(5) == lock.OFF
    one = lock.Lock("all")
    one.open(lock.SAFE, 5, 0)
    assert one.level(1) == lock.ALL, "it takes nothing away"
    one.open(lock.OFF, 0, 0)
    assert one.level(1) == lock.ALL
    try:
        lock.Lock("dangerous")
        raise AssertionError("a word that is none")
    except ValueError:
        pass


def test_unlock_words():
    assert lock.parse(b"safe 10") == (lock.SAFE, 10)
    assert lock.parse(b"all 60") == (lock.ALL, 60)
    assert lock.parse(b"off") == (lock.OFF, 0)
    for payload in (
        b"", b"safe", b"all", b"safe 0", b"safe 61", b"safe -1", b"safe 1.5", b"all 010", b"off 5", b"SAFE 5",
        b"dangerous 5",
        b"safe  5", b"safe 5 ", b"\xff\xfe", b"all 5 5",
    ):  # fmt: skip
        assert lock.parse(payload) is None, payload
