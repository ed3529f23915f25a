"""One command on a simulated line: what is sent, what is told in the end, and that both agree with the battery."""

import core_bytes as cb
import core_writes as cw

from jkcore.fields import table
from jkcore.pack import Pack
from jkcore.writes import limits, lock, presets
from jkcore.writes import transaction as tr

LIMITS = limits.every()
OVP = "cell_overvoltage_protection"


def held(house, at=18, kind=cb.SETTINGS):
    """The battery's truth, 32 bits."""
    frame = house.battery.frames[kind]
    return frame[at] | frame[at + 1] << 8 | frame[at + 2] << 16 | frame[at + 3] << 24


def test_a_value_is_written_and_read_back():
    house = cw.House()
    assert house.run(b"3.64", OVP) == {"field": OVP, "asked": 3.64, "status": "ok", "value": 3.64, "reason": None}
    assert house.sent() == [("0x100c", "00000e38")]
    assert held(house) == 3640
    assert house.now < 3000, "two frames, the write, two frames"


def test_numbers_of_the_result_are_exact_text():
    house = cw.House()
    house.run(b"3.641", OVP)
    from jkcore.message import Message
    from jkcore.writes import result

    message = Message()
    message.start(False)
    message.body()
    result.put_done(message, house.command, house.transaction)
    assert b'"asked":3.641,"status":"ok","value":3.641' in bytes(message.buf[message.topic_end : message.end])


def test_kinds_of_values():
    for field, payload, asked in (
        ("charge_switch", b"OFF", "OFF"),
        ("charging_float_mode", b"OFF", "OFF"),
        ("charge_undertemperature_protection", b"-20", -20.0),
        ("heating_start_temperature", b"-5", -5),
        ("rcv_time", b"2.5", 2.5),
        ("lcd_buzzer_trigger", b"mos_fault", "mos_fault"),
        ("lcd_buzzer_trigger_value", b"-7", -7),
        ("data_stored_period", b"1800", 1800),
        ("device_address", b"1 CONFIRM 1", 1),
        ("gps_lock_charge", b"ON CONFIRM 1", "ON"),
    ):
        said = cw.House().run(payload, field)
        assert said["status"] == "ok", said
        assert said["asked"] == said["value"] == asked


def test_every_field_can_be_written_to_both_ends_of_its_range():
    """Where no rule objects; what is sent is what is read back."""
    done = 0
    for limit in LIMITS:
        decimals = table.at(limit.row).decimals
        for value in (limit.low, limit.high):
            house = cw.House()
            said = house.run(cw_text(value, decimals) + b" CONFIRM 1", table.name(limit.row))
            if said["status"] == "refused":
                assert house.battery.written == []
                continue
            assert said["status"] == "ok", said
            done += 1
    assert done > 90, done


def cw_text(value, decimals):
    digits = str(abs(value))
    if decimals:
        digits = "0" * (decimals + 1 - len(digits)) + digits
        digits = digits[:-decimals] + "." + digits[-decimals:]
    return (("-" if value < 0 else "") + digits).encode()


# Groups


def test_a_group_goes_out_in_a_legal_order_and_is_told_as_one():
    house = cw.House()
    for at, value in ((22, 3500), (30, 3501), (38, 3502), (18, 3503)):
        cb.put(house.battery.frames[1], at, value, 4)
    cb.seal(house.battery.frames[1])
    said = house.run(
        b'{"cell_overvoltage_recovery":3.60,"cell_soc100_voltage":3.61,"id":"a7","confirm":"CONFIRM 1",'
        b'"cell_request_charge_voltage":3.62,"cell_overvoltage_protection":3.64}'
    )
    assert said["status"] == "ok" and said["reason"] is None and said["id"] == "a7"
    assert [f["status"] for f in said["fields"]] == ["ok"] * 4
    assert [f["value"] for f in said["fields"]] == [3.60, 3.61, 3.62, 3.64]
    assert [register for register, _ in house.sent()] == ["0x100c", "0x1020", "0x1018", "0x1010"]


def test_a_group_stops_at_the_first_failure():
    house = cw.House()

    def third_fails(house):
        house.battery.exception = 3 if len(house.battery.written) >= 2 else 0

    house.hook = third_fails
    said = house.run(
        b'{"charge_overcurrent_delay":10,"charge_overcurrent_recovery_time":11,'
        b'"discharge_overcurrent_delay":12,"discharge_overcurrent_recovery_time":13}'
    )
    assert said["status"] == "exception"
    assert "exception 3 (value illogical or out of limits)" in said["reason"]
    assert [f["status"] for f in said["fields"]] == ["ok", "ok", "exception", "not_sent"]
    assert [f["value"] for f in said["fields"]] == [10, 11, None, None]
    assert len(house.battery.written) == 3
    assert (held(house, 54), held(house, 58), held(house, 66)) == (10, 11, 30)


def test_shared_registers_in_a_group():
    house = cw.House()
    cb.put(house.battery.frames[1], 282, 0x3291, 2)
    cb.seal(house.battery.frames[1])
    said = house.run(b'{"charging_float_mode":"OFF","smart_sleep":"ON","rfv_time":1.0,"rcv_time":2.0}')
    assert said["status"] == "ok", said
    assert house.sent() == [("0x1114", "30d1"), ("0x1504", "140a")]


def test_one_bad_member_refuses_all():
    for payload in (
        b'{"charge_switch":"OFF","cell_overvoltage_protection":9}',
        b'{"charge_switch":"OFF","nonsense":9}',
        b'{"charge_switch":"OFF","discharge_switch":"OFF"}',
        b'{"charge_switch":"OFF","cell_overvoltage_recovery":3.63}',
        b'{"charge_switch":"OFF","max_charge_current":201}',
        b'{"charge_switch":"OFF","charge_switch":"ON"}',
        b"{}",
        b'{"confirm":"CONFIRM 1"}',
    ):
        house = cw.House()
        said = house.run(payload)
        assert said["status"] == "refused" and said["reason"], payload
        assert all([f["status"] in ("refused", "not_sent") for f in said["fields"]])
        assert house.battery.written == []


def test_the_longest_results_fit_a_message():
    """House.result() fails when they do not."""
    for count in (32, 33):
        house = cw.House()
        said = house.run(("{" + ",".join(['"n%d":%d' % (i, i) for i in range(count)]) + "}").encode())
        assert "there is no field" in said["reason"] if count == 32 else "at most 32 members" in said["reason"]
    names = [table.name(limit.row) for limit in LIMITS]
    payload = "{" + ",".join(['"%s":1' % name for name in sorted(names, key=len)[:27]]) + "}"
    assert len(payload) < 512
    house = cw.House()
    assert len(house.run(payload.encode())["fields"]) == 27
    assert house.battery.written == []


# Zero bytes


def test_what_is_refused_sends_nothing():
    for field, payload, chemistry, level in (
        (OVP, b"3.66", "lfp", 2), (OVP, b"3.64", None, 2), (OVP, b"3.64", "lfp", 1), (OVP, b"3.64", "lfp", 0),
        (OVP, b"3.6405", "lfp", 2), (OVP, b"3.59", "lfp", 2), (OVP, b"4.1 CONFIRM 1", "lfp", 2),
        (OVP, b"2.6 CONFIRM 1", "lto", 2),
        ("cell_request_charge_voltage", b"3.65", "lfp", 2), ("balance_start_voltage", b"3.0", "lfp", 2), (OVP, b"",
        "lfp", 2),
        ("discharge_switch", b"OFF", "lfp", 2), ("max_charge_current", b"201", "lfp", 2), ("max_charge_current",
        b"101", "lfp", 1),
        ("short_circuit_protection_delay", b"0 CONFIRM 1", "lfp", 2), ("rcv_time", b"0", "lfp", 2), ("preset_lfp",
        b"PRESS", "lfp", 2),
        ("preset_lto", b"PRESS CONFIRM 1", "lfp", 2), ("shutdown", b"PRESS CONFIRM 2", "lfp", 2), ("charge_switch",
        b"OFF", "lfp", 0),
        ("calibrate_voltage", b"53 CONFIRM 1", "lfp", 2), ("heating_start_temperature", b"15", "lfp", 2),
        ("current_range_raw", b"5 CONFIRM 1", "lfp", 2), ("controls", b"5 CONFIRM 1", "lfp", 2), ("0x1626",
        b"0 CONFIRM 1", "lfp", 2),
    ):  # fmt: skip
        house = cw.House(chemistry=chemistry, level=level)
        said = house.run(payload, field)
        assert said["status"] == "refused" and said["value"] is None, (field, payload, said)
        assert len(said["reason"]) > 15
        assert house.battery.written == [], (field, payload)


def test_fuzzed_commands_send_nothing():
    chance = cb.Chance(9)
    names = [table.name(r) for r in range(table.rows())] + ["preset_lfp", "shutdown", "nonsense", ""]
    values = ("1e3", "-1e", "99999999", "NaN", "ON OFF", "CONFIRM 1", "", "{}", "[1]", "true false", "0x10", "3..3")
    values += ("\x00", "1" * 300)
    for turn in range(1000):
        house = cw.House()
        value = values[chance.below(len(values))]
        payload = value.encode()
        if not turn & 1:
            payload = b'{"' + names[chance.below(len(names))].encode() + b'":' + payload
        said = house.run(payload, names[chance.below(len(names) - 1)] if turn & 1 else "")
        assert said["status"] == "refused", (said, payload)
        assert house.battery.written == []


# Faults


def test_exception():
    house = cw.House()
    house.battery.exception = 2
    said = house.run(b"3.64", OVP)
    assert said["status"] == "exception" and said["value"] is None
    assert said["reason"] == "the battery refused it with exception 2 (no such register)"
    assert held(house) == 3650


def test_acknowledged_but_unchanged_tells_to_try_the_other_port():
    house = cw.House()
    house.battery.deaf = True
    said = house.run(b"3.64", OVP)
    assert said["status"] == "unchanged" and said["value"] == 3.65
    assert "still 3.65" in said["reason"] and "try RS485-1" in said["reason"]
    assert len(house.battery.written) == 1


def test_a_different_value_is_read_back():
    house = cw.House()
    house.battery.bend = 5
    said = house.run(b"3.64", OVP)
    assert said["status"] == "different" and said["value"] == 3.645
    assert said["reason"] == OVP + " should be 3.64, but the battery reads back 3.645"


def test_a_lost_ack_is_no_failure():
    house = cw.House()
    house.battery.no_ack = True
    said = house.run(b"3.64", OVP)
    assert said["status"] == "ok" and said["value"] == 3.64
    assert "lost" in said["reason"]
    assert len(house.battery.written) == 1, "never sent twice"


def test_no_ack_and_nothing_changed():
    house = cw.House()
    house.battery.no_ack = house.battery.deaf = True
    said = house.run(b"3.64", OVP)
    assert said["status"] == "no_answer" and said["value"] == 3.65
    assert said["reason"] == "the battery did not acknowledge it, and nothing has changed"


def test_a_late_ack_counts():
    house = cw.House()
    house.battery.no_ack = house.battery.deaf = True
    assert house.order(b"3.64", OVP)
    while not house.battery.written:
        house.turn()
    for _ in range(15):
        house.turn()
    assert house.transaction.state == tr.CHECKING
    house.transaction.heard_ack(0x100C, 2, house.now)
    while house.transaction.busy():
        house.turn()
    assert house.result()["status"] == "unchanged"


def test_foreign_acks_are_not_ours():
    for register, words in ((0x1010, 2), (0x100C, 1), (0x161E, 1)):
        house = cw.House()
        house.battery.no_ack = house.battery.deaf = True
        house.order(b"3.64", OVP)
        while not house.battery.written:
            house.turn()
        house.transaction.heard_ack(register, words, house.now)
        while house.transaction.busy():
            house.turn()
        assert house.result()["status"] == "no_answer"


def test_a_silent_battery():
    house = cw.House()
    house.battery.silent = True
    start = house.now
    said = house.run(b"3.64", OVP)
    assert said["status"] == "refused" and said["value"] is None
    assert "twice alike within 10 s" in said["reason"]
    assert house.battery.written == []
    assert 10000 < house.now - start < 10500


def test_bus_lost_between_write_and_read_back():
    for acked in (True, False):
        house = cw.House()
        house.battery.no_ack = not acked

        def gone(house):
            house.battery.silent = bool(house.battery.written)

        house.hook = gone
        said = house.run(b"3.64", OVP)
        assert said["status"] == "no_answer" and said["value"] is None
        assert ("acknowledged, but" in said["reason"]) == acked
        assert held(house) == 3640, "it was written, and nobody claims otherwise"


def test_frames_of_before_the_write_are_not_its_read_back():
    """Old answers that arrive late, even two alike, do not make `unchanged`; the new ones make `ok`."""
    for count in (1, 2, 3, 6):
        house = cw.House()
        old = bytes(house.battery.frames[1])
        house.order(b"3.64", OVP)
        while not house.battery.written:
            house.turn()
        for _ in range(count):
            house.now += 200
            house.transaction.heard_frame(cb.SETTINGS, bytearray(old), house.now)
            assert house.transaction.busy(), count
        while house.transaction.busy():
            house.turn()
        assert house.result()["status"] == "ok"


def test_a_slow_battery_is_waited_for():
    """It acknowledges at once and tells the new value only 3 s later."""
    house = cw.House()
    house.order(b"3.64", OVP)
    old = bytes(house.battery.frames[1])
    while not house.battery.written:
        house.turn()
    new = bytes(house.battery.frames[1])
    house.battery.frames[1] = old
    until = house.now + 3000
    while house.transaction.busy():
        if house.now > until:
            house.battery.frames[1] = new
        house.turn()
    assert house.result()["status"] == "ok"


def test_single_corrupted_frames_decide_nothing():
    """One frame in three is another one: with a right sum, as one in 256 damaged ones has."""
    for seed in range(8):
        chance = cb.Chance(seed + 1)
        house = cw.House()
        truth = house.battery.answer

        def sometimes(kind, truth=truth, chance=chance):
            frame = truth(kind)
            if chance.below(3) == 0:
                frame[6 + chance.below(290)] ^= 1 << chance.below(8)
                cb.seal(frame)
            return frame

        house.battery.answer = sometimes
        said = house.run(b"3.64", OVP)
        if said["status"] == "ok":
            assert held(house) == 3640
        else:
            assert said["status"] in ("refused", "no_answer"), said
            assert held(house) == (3650 if said["status"] == "refused" else 3640)


def test_settings_that_change_before_the_write_are_checked_anew():
    house = cw.House()
    house.order(b"3.61", OVP)
    while house.transaction.state != tr.SENDING:
        house.turn()
    cb.put(house.battery.frames[1], 38, 3620, 4)  # somebody raises the charge voltage above it
    cb.seal(house.battery.frames[1])
    house.transaction.heard_frame(cb.SETTINGS, house.battery.answer(1), house.now)
    while house.transaction.busy():
        house.turn()
    said = house.result()
    assert said["reason"] == "cell_request_charge_voltage 3.62 must stay below cell_overvoltage_protection 3.61"
    assert house.battery.written == []


def test_a_step_that_has_become_large_before_the_write():
    house = cw.House()
    house.order(b"3.45", "balance_start_voltage")
    while house.transaction.state != tr.SENDING:
        house.turn()
    cb.put(house.battery.frames[1], 138, 3300, 4)
    cb.seal(house.battery.frames[1])
    house.transaction.heard_frame(cb.SETTINGS, house.battery.answer(1), house.now)
    while house.transaction.busy():
        house.turn()
    assert "would move from 3.30 to 3.45" in house.result()["reason"]
    assert house.battery.written == []


def test_reading_back_takes_two_frames_even_of_a_value_that_was_there_before():
    house = cw.House()
    house.order(b"3.65", OVP)
    while not house.battery.written:
        house.turn()
    house.transaction.heard_frame(cb.SETTINGS, house.battery.answer(1), house.now)
    assert house.transaction.busy()
    house.transaction.heard_frame(cb.SETTINGS, house.battery.answer(1), house.now + 100)
    assert house.result()["status"] == "ok" and not house.transaction.busy()


def test_settings_that_change_within_a_group_stop_it():
    house = cw.House()

    def meddle(house):
        if len(house.battery.written) == 1 and held(house, 66) != 77:
            cb.put(house.battery.frames[1], 66, 77, 4)
            cb.put(house.battery.frames[1], 38, 3645, 4)
            cb.seal(house.battery.frames[1])

    house.hook = meddle
    said = house.run(b'{"charge_overcurrent_delay":10,"cell_overvoltage_protection":3.64}')
    assert [f["status"] for f in said["fields"]] == ["ok", "refused"]
    assert "cell_request_charge_voltage 3.645 must stay below" in said["reason"]
    assert len(house.battery.written) == 1


def test_part_of_a_register_is_written_back_only_from_a_young_frame():
    house = cw.House()
    house.order(b"ON", "smart_sleep")
    while house.transaction.state != tr.SENDING:
        house.turn()
    cb.put(house.battery.frames[1], 282, 0x0001, 2)  # the app changes another bit meanwhile
    cb.seal(house.battery.frames[1])
    house.now += 2001
    tx = bytearray(16)
    assert house.transaction.request(tx, house.now) == 0 and tx == bytearray(16)
    while house.transaction.busy():
        house.turn()
    assert house.sent() == [("0x1114", "0041")]
    assert house.result()["status"] == "ok"


def test_a_line_that_is_never_free():
    house = cw.House()
    house.order(b"3.64", OVP)
    while house.transaction.state != tr.SENDING:
        house.turn()
    house.now += 9000
    house.transaction.tick(house.now)
    assert house.transaction.busy()
    house.now += 1000
    tx = bytearray(16)
    assert house.transaction.request(tx, house.now) == 0
    said = house.result()
    assert said["status"] == "refused" and "on the bus within 10 s" in said["reason"]


def test_across_the_wrap_of_time():
    house = cw.House(start=0x3FFFFFFF - 700)
    assert house.run(b"3.64", OVP)["status"] == "ok"
    house = cw.House(start=0x3FFFFFFF - 700)
    house.battery.deaf = True
    assert house.run(b"3.64", OVP)["status"] == "unchanged"


def test_a_bridge_that_stops():
    house = cw.House()
    house.order(b"3.64", OVP)
    house.turn()
    house.transaction.abort()
    assert house.result()["status"] == "refused" and not house.transaction.busy()
    assert house.transaction.wants(house.now) == tr.NOTHING
    house = cw.House()
    house.order(b"3.64", OVP)
    while not house.battery.written:
        house.turn()
    house.transaction.abort()
    said = house.result()
    assert said["status"] == "no_answer" and "the bridge stopped" in said["reason"]


# What has to be known of the battery


def test_a_pack_that_has_told_no_model_yet_is_asked():
    house = cw.House()
    house.pack = type(house.pack)(b"1", 1, "one")
    assert house.run(b"150", "max_charge_current")["status"] == "ok"
    house = cw.House(cw.Battery(model="JK_PB9A99S99P"))
    house.pack = type(house.pack)(b"1", 1, "one")
    assert "may only be lowered: the rating of model 'PB9A99S99P'" in house.run(b"150", "max_charge_current")["reason"]
    house = cw.House()
    house.pack = type(house.pack)(b"1", 1, "one")
    assert house.run(b"3", "heating_start_temperature")["status"] == "ok"


def test_the_rating_is_that_of_the_bms_which_is_there_now():
    """It was replaced by a smaller one since its about frame was read last."""
    for field, payload in (("max_charge_current", b"150"), ("max_balance_current", b"1.5")):
        house = cw.House(cw.Battery(model="JK_PB1A16S10P"))
        said = house.run(payload, field)
        assert said["status"] == "refused" and "PB1A16S10P" in said["reason"], said
        assert house.battery.written == []
    house = cw.House(cw.Battery(firmware="15.30"))
    assert "this battery has no heating_start_temperature" in house.run(b"3", "heating_start_temperature")["reason"]
    assert house.battery.written == []


def test_touches_tells_our_own_changes():
    """From the moment on at which the write of a field is out, not before."""
    rows = [table.find("charge_switch", 1), table.find("balance_switch", 1), table.find("rcv_time", 3)]
    house = cw.House()
    house.order(b'{"charge_switch":"OFF","rcv_time":2}')
    seen = []
    while house.transaction.busy():
        touched = [house.transaction.touches(r) for r in rows]
        assert touched == [bool(house.battery.written), False, len(house.battery.written) > 1]
        seen.append(sum(touched))
        house.turn()
    assert sorted(set(seen)) == [0, 1, 2]
    for field, payload, every in (("preset_lfp", b"PRESS", True), ("set_clock", b"180000000", False)):
        house = cw.House()
        house.order(payload + b" CONFIRM 1", field)
        while not house.battery.written:
            assert not house.transaction.touches(rows[0])
            house.turn()
        assert house.transaction.touches(rows[0]) is every


def test_the_address_of_the_bus_master_is_given_to_nobody():
    house = cw.House()
    said = house.run(b"0 CONFIRM 1", "device_address")
    assert said["status"] == "refused" and "bus master" in said["reason"], said
    assert house.battery.written == []


# Actions


def test_a_preset_is_read_back():
    house = cw.House()
    cb.put(house.battery.frames[1], 18, 3630, 4)
    cb.seal(house.battery.frames[1])
    said = house.run(b"PRESS CONFIRM 1", "preset_lfp")
    assert said["status"] == "ok", said
    assert house.sent() == [("0x160c", "0000")]
    house = cw.House()
    cb.put(house.battery.frames[1], 18, 3630, 4)
    cb.seal(house.battery.frames[1])
    house.battery.deaf = True
    assert house.run(b"PRESS CONFIRM 1", "preset_lfp")["status"] == "unchanged"


def test_a_preset_is_read_back_as_a_whole():
    """Each setting that it is known to leave behind is compared; the result names those that did not take."""
    names = {6: "smart_sleep_voltage", 10: "cell_undervoltage_protection", 14: "cell_undervoltage_recovery",
             18: "cell_overvoltage_protection", 22: "cell_overvoltage_recovery", 26: "balance_trigger_voltage",
             30: "cell_soc100_voltage", 34: "cell_soc0_voltage", 38: "cell_request_charge_voltage",
             42: "cell_request_float_voltage", 46: "power_off_voltage", 138: "balance_start_voltage",
             98: "charge_undertemperature_protection", 102: "charge_undertemperature_recovery",
             106: "mos_overtemperature_protection", 110: "mos_overtemperature_recovery"}  # fmt: skip
    for firmware, temperatures in (("15.30", True), ("14.20", False), ("19.27", False)):
        for at, value in cw.PRESET_LFP:
            house = cw.House(cw.Battery(firmware=firmware))
            house.pack = cw.pack(firmware=firmware)
            cb.put(house.battery.frames[1], 6 if at != 6 else 10, 2000, 4)
            cb.put(house.battery.frames[1], at, value + 20, 4)
            cb.seal(house.battery.frames[1])
            house.battery.keeps = at
            said = house.run(b"PRESS CONFIRM 1", "preset_lfp")
            if not temperatures and 98 <= at <= 110:  # those of other generations are others
                assert said["status"] == "ok", said
            else:
                assert said["status"] == "different", (at, said)
                assert said["reason"].count(" instead of ") == 1, said
                assert names[at] + " " in said["reason"], said


def test_values_of_presets_are_those_recorded():
    for recording, chemistry in (("lfp", "lfp"), ("liion", "li-ion")):
        name = "exchange_tlamoureux_onekey_%s_v1530.hex" % recording
        cb.need(name)
        one = Pack(b"1", 1, "one")
        one.keep(cb.frames_in(cb.read(name), cb.SETTINGS)[0], cb.SETTINGS)
        expected = presets.values(chemistry, 1530)
        assert len(expected) == 16
        for r, value in expected:
            assert one.scaled(r) == value, (chemistry, table.name(r))


def test_a_preset_nobody_acknowledged_is_not_told_as_done():
    """Its known values may have been what they are before it; an old settings frame is no ack of it."""
    for late in (False, True):
        house = cw.House()
        for at, value in cw.PRESET_LFP:
            cb.put(house.battery.frames[1], at, value, 4)
        cb.seal(house.battery.frames[1])
        house.battery.write = house.battery.written.append
        house.order(b"PRESS CONFIRM 1", "preset_lfp")
        while not house.battery.written:
            house.turn()
        if late:
            house.transaction.heard_frame(cb.SETTINGS, house.battery.answer(1), house.now)
        while house.transaction.busy():
            house.turn()
        said = house.result()
        assert said["status"] == "no_answer" and "not known" in said["reason"], said


def test_an_exception_while_reading_back_may_refuse_the_question():
    """What is read back decides whether it was the write that was refused."""
    for deaf, status in ((False, "ok"), (True, "exception")):
        house = cw.House()
        house.battery.no_ack = True
        house.battery.deaf = deaf
        house.order(b"3.64", OVP)
        while not house.battery.written or house.transaction.state != tr.CHECKING:
            house.turn()
        house.transaction.heard_exception(2, house.now)
        while house.transaction.busy():
            house.turn()
        assert house.result()["status"] == status, house.result()


def test_actions_without_read_back_end_with_their_ack():
    for name, payload, sent in (
        ("shutdown", b"PRESS CONFIRM 1", ("0x1604", "0000")),
        ("emergency_start", b"PRESS CONFIRM 1", ("0x1610", "0000")),
        ("set_clock", b"180000000 CONFIRM 1", ("0x1612", "0aba9500")),
    ):
        house = cw.House()
        said = house.run(payload, name)
        assert said["status"] == "ok" and said["reason"] == "acknowledged; there is nothing to read back", said
        assert house.sent() == [sent]
        house = cw.House()
        house.battery.no_ack = True
        assert house.run(payload, name)["status"] == "no_answer"
        assert len(house.battery.written) == 1


def test_calibration_must_be_near_what_the_battery_measures():
    for field, payload, status in (
        ("calibrate_voltage", b"52.9 CONFIRM 1", "ok"),
        ("calibrate_voltage", b"60 CONFIRM 1", "refused"),
        ("calibrate_current", b"-6.5 CONFIRM 1", "ok"),
        ("calibrate_current", b"-16 CONFIRM 1", "refused"),
    ):
        house = cw.House()
        house.pack.keep(cb.live(), cb.LIVE)
        house.pack.online = True
        said = house.run(payload, field)
        assert said["status"] == status, said
        assert len(house.battery.written) == (status == "ok")
        house = cw.House()
        assert "needs a fresh live reading" in house.run(payload, field)["reason"]
        assert house.battery.written == []


def test_a_calibration_is_compared_with_what_is_measured_now():
    """The live frame must be at most 5 s old; an older one is read anew."""
    for age, status in ((4000, "ok"), (6000, "refused")):
        house = cw.House(start=100000)
        house.pack.keep(cb.live(), cb.LIVE)  # 53 V
        house.pack.online = True
        house.pack.last_live = house.now - age + 250  # two settings frames come first
        house.battery.frames[cb.LIVE] = cb.live(millivolt=3000)
        said = house.run(b"52.9 CONFIRM 1", "calibrate_voltage")
        assert said["status"] == status, (age, said)
        assert len(house.battery.written) == (status == "ok")


def test_levels_of_the_lock_are_the_tiers():
    assert (lock.OFF, lock.SAFE, lock.ALL) == (0, 1, 2)
