"""Rules between settings, chemistry, rating, and the order in which a group goes out."""

import core_bytes as cb
import core_writes as cw

from jkcore.fields import codes, table
from jkcore.writes import limits, lock, plan, rules, texts
from jkcore.writes.command import Command
from jkcore.writes.reading import Reading
from jkcore.writes.refusal import CommandError

CHAIN = (  # bottom to top (section 8.6)
    "power_off_voltage", "cell_undervoltage_protection", "cell_soc0_voltage", "cell_undervoltage_recovery",
    "cell_overvoltage_recovery", "cell_soc100_voltage", "cell_request_charge_voltage", "cell_overvoltage_protection",
)  # fmt: skip
BASE = (2500, 2580, 2600, 2620, 3580, 3590, 3600, 3650)


def reading(values=(), model="JK_PB2A16S20P", firmware="19.27", frame=None):
    """What a pack is set to, {name: raw value} on top of core_writes.settings()."""
    frame = bytearray(frame or cw.settings())
    for name, value in dict(values).items():
        row = table.at(limits.find(name))
        if row.kind in (codes.U32, codes.S32):
            cb.put(frame, row.offset, value, 4)
        else:
            frame[row.offset] = value & 255
    one = Reading(cw.pack(model, firmware), [])
    one.keep(cb.seal(frame), cb.SETTINGS)
    return one


def planned(payload, values=(), chemistry="lfp", level=lock.ALL, model="JK_PB2A16S20P", one=None, field=""):
    """[(field, value), ...] in the order of the writes, or the sentence of the refusal."""
    one = one or reading(values, model)
    command = Command(b"1", field)
    try:
        command.read(payload, level)
        steps = plan.make(command, one, cw.pack(model), level, chemistry)
    except CommandError as why:
        return texts.sentence(why.code, why.values)
    return [(table.name(r), v) for step in steps for r, v in step.expected]


def group(values, more='"confirm":"CONFIRM 1"'):
    parts = ['"%s":%s' % (name, value) for name, value in values]
    return ("{" + ",".join(parts + ([more] if more else [])) + "}").encode()


def test_a_refusal_names_rule_and_values():
    said = planned(group([("cell_overvoltage_recovery", "3.60")]), {"cell_soc100_voltage": 3550})
    assert said == "cell_overvoltage_recovery 3.60 must stay below cell_soc100_voltage 3.55"
    said = planned(group([("cell_soc100_voltage", "3.575")]))
    assert said == "cell_overvoltage_recovery 3.58 must stay below cell_soc100_voltage 3.575"


def test_every_pair_of_the_chain_is_strict():
    for i in range(len(CHAIN) - 1):
        low, high = CHAIN[i], CHAIN[i + 1]
        text = "%s %s must stay below %s" % (low, rules.plain(BASE[i + 1], 3), high)
        assert planned(group([(low, BASE[i + 1] / 1000)])).startswith(text), low
        assert planned(group([(low, (BASE[i + 1] - 1) / 1000)])) == [(low, BASE[i + 1] - 1)]
        if i:
            assert "must stay below" in planned(group([(high, BASE[i] / 1000)])), high
        assert planned(group([(high, (BASE[i] + 1) / 1000)])) == [(high, BASE[i] + 1)]


def test_other_pairs():
    for low, high, first, second, unit in (
        ("charge_overtemperature_recovery", "charge_overtemperature_protection", 550, 600, 10),
        ("discharge_overtemperature_recovery", "discharge_overtemperature_protection", 600, 650, 10),
        ("charge_undertemperature_protection", "charge_undertemperature_recovery", 0, 50, 10),
        ("mos_overtemperature_recovery", "mos_overtemperature_protection", 800, 1000, 10),
        ("heating_start_temperature", "heating_stop_temperature", 5, 15, 1),
    ):
        assert "%s %s must stay below %s" % (low, rules.plain(second, unit // 10), high) in planned(
            group([(low, second // unit)])
        )
        assert planned(group([(low, second // unit - 1)])) == [(low, second - unit)]
        assert "must stay below" in planned(group([(high, first // unit)]))
        assert planned(group([(high, first // unit + 1)])) == [(high, first + unit)]
    equal = planned(group([("cell_request_float_voltage", "3.60")]))
    assert equal == [("cell_request_float_voltage", 3600)], "it may be equal"
    said = planned(group([("cell_request_float_voltage", "3.601")]))
    assert said == "cell_request_float_voltage 3.601 must not be above cell_request_charge_voltage 3.60"
    assert "outside its range 1 to" in planned(group([("short_circuit_protection_delay", 0)]))
    assert "outside its range 0.1 to" in planned(group([("rcv_time", 0)]))


def test_only_rules_with_a_changed_field_are_checked():
    odd = {"cell_soc100_voltage": 3500, "cell_overvoltage_recovery": 3540, "cell_request_charge_voltage": 3520}
    assert planned(group([("cell_undervoltage_protection", 2.59)]), odd) == [("cell_undervoltage_protection", 2590)]
    assert planned(group([("cell_overvoltage_protection", 3.64)]), odd) == [("cell_overvoltage_protection", 3640)]
    assert planned(group([("cell_soc100_voltage", 3.5)]), odd) == [("cell_soc100_voltage", 3500)], "its own value"
    assert "must stay below" in planned(group([("cell_soc100_voltage", 3.51)]), odd)
    assert planned(group([("cell_soc100_voltage", 3.51), ("cell_overvoltage_recovery", 3.505)]), odd)
    assert planned(group([("balance_trigger_voltage", 0.005)]), odd) == [("balance_trigger_voltage", 5)]


def different_settings():
    """Recorded settings frames, each content once."""
    seen = []
    for name in cb.names():
        for frame in cb.frames_in(cb.read(name), cb.SETTINGS):
            if frame[6:299] not in seen:
                seen.append(frame[6:299])
                yield name, frame


def test_every_parameter_of_every_recorded_frame_can_be_written_with_its_own_value():
    count = 0
    for name, frame in different_settings():
        for firmware in ("14.20", "19.27"):
            pack = cw.pack("JK_B2A8S20P", firmware)
            pack.address = frame[270]
            one = Reading(pack, [])
            one.keep(frame, cb.SETTINGS)
            chemistry = "li-ion" if one.scaled(limits.find("cell_overvoltage_protection")) > 3650 else "lfp"
            for limit in limits.every():
                row = table.at(limit.row)
                if row.frame_type != cb.SETTINGS or not one.present(limit.row):
                    continue
                value = one.scaled(limit.row)
                if row.show == codes.SWITCH:
                    text = "ON" if value else "OFF"
                elif row.decimals == 3:
                    text = "%d.%03d" % (value // 1000, value % 1000)
                else:
                    text = rules.plain(value, row.decimals)
                field = table.name(limit.row)
                command = Command(b"1", field)
                command.read((text + " CONFIRM 1").encode(), lock.ALL)
                steps = plan.make(command, one, pack, lock.ALL, chemistry)
                assert len(steps) == 1 and steps[0].expected == [(limit.row, value)], (name, field)
                count += 1
    assert count > 1000, count


# Chemistry


def test_cell_voltages_need_a_chemistry():
    seen = 0
    for limit in limits.every():
        if limit.bound == codes.CELL_VOLTAGE:
            seen += 1
            name = table.name(limit.row)
            value = "%.3f" % (reading().scaled(limit.row) / 1000)
            for chemistry in (None, "", "LFP", "lead", 0):
                assert "is a cell voltage: set `chemistry`" in planned(group([(name, value)]), chemistry=chemistry)
            assert planned(group([(name, value)])) == [(name, reading().scaled(limit.row))]
    assert seen == 11
    assert planned(group([("balance_trigger_voltage", "0.02")]), chemistry=None) == [("balance_trigger_voltage", 20)]


def test_ceilings_and_floors():
    for chemistry, floor, ceiling, at in (
        ("lfp", 2500, 3650, 3300), ("li-ion", 2800, 4200, 3600), ("lto", 1700, 2700, 2300),
    ):  # fmt: skip
        # balance_start_voltage is in no rule
        for value, good in ((floor, True), (ceiling, True), (floor - 1, False), (ceiling + 1, False)):
            said = planned(
                group([("balance_start_voltage", "%d.%03d" % (value // 1000, value % 1000))]),
                {"balance_start_voltage": at}, chemistry,
            )  # fmt: skip
            assert isinstance(said, list) == good, (chemistry, value, said)
            assert good or "the limits of %s cells" % chemistry in said


def test_a_large_step_needs_the_word():
    at = {"balance_start_voltage": 3300}
    for value, large in (("3.40", False), ("3.401", True), ("3.20", False), ("3.199", True)):
        said = planned(group([("balance_start_voltage", value)], ""), at)
        assert isinstance(said, str) == large, value
        assert not large or "more than 0.1 V: the command must hold the confirmation word 'CONFIRM 1'" in said
        assert isinstance(planned(group([("balance_start_voltage", value)]), at), list)
        assert isinstance(planned(value.encode() + b" CONFIRM 1", at, field="balance_start_voltage"), list)
    assert "outside" in planned(b"3.70 CONFIRM 1", at, field="balance_start_voltage"), "the word opens no other door"


def test_a_value_beyond_the_limits_may_stay_what_it_is():
    at = {"balance_start_voltage": 3700, "max_charge_current": 300000, "max_balance_current": 5000}
    for name, text in (("balance_start_voltage", "3.7"), ("max_charge_current", "300"), ("max_balance_current", "5")):
        assert planned(group([(name, text)]), at) == [(name, at[name])]
    assert "limits of lfp cells" in planned(group([("balance_start_voltage", "3.69")]), at), "nearer is not near enough"
    assert "is above 200.00" in planned(group([("max_charge_current", "299")]), at)


# Rating


def test_current_limits_end_at_the_rating():
    for model, amperes, balance in (
        ("JK_PB1A16S10P", 100, 1), ("JK-PB1A16S15P", 150, 1), ("JK_PB2A16S15P", 150, 2), ("JK-PB2A16S20P", 200, 2),
    ):  # fmt: skip
        for name in ("max_charge_current", "max_discharge_current", "max_balance_current"):
            most = balance if name == "max_balance_current" else amperes
            at = {name: 500}
            assert planned(group([(name, most)]), at, model=model) == [(name, 1000 * most)]
            said = planned(group([(name, "%d.001" % most)]), at, model=model)
            assert "is above %d.00, the rating of model '%s'" % (most, model[3:]) in said, said
    for model in ("JK_PB2A16S30P", "JK_B2A8S20P", "", "PB2A16S20", "JK_PB2A16S20PX"):
        assert "may only be lowered" in planned(group([("max_charge_current", 101)]), model=model), model
        assert planned(group([("max_charge_current", 99)]), model=model) == [("max_charge_current", 99000)]
        assert "may only be lowered" in planned(group([("max_balance_current", 1.5)]), model=model)


def test_lowering_a_current_limit_is_safe_and_raising_is_not():
    for name, now in (("max_charge_current", 100), ("max_discharge_current", 150)):
        assert planned(group([(name, now - 1)], ""), level=lock.SAFE) == [(name, 1000 * now - 1000)]
        assert planned(group([(name, now)], ""), level=lock.SAFE) == [(name, 1000 * now)]
        said = planned(group([(name, now + 1)], ""), level=lock.SAFE)
        assert said == "raising %s needs writes = all; now it is safe" % name
    assert planned(group([("max_balance_current", 2)], ""), level=lock.SAFE) == [("max_balance_current", 2000)]


# What a pack has


def test_a_row_this_firmware_does_not_have():
    for name, value in (("emergency_button", "ON"), ("heating_start_temperature", 3), ("discharge_ocp_2", "ON")):
        payload = group([(name, '"ON"' if value == "ON" else value)])
        assert "this battery has no " + name in planned(payload, one=reading(firmware="14.20"))
        assert isinstance(planned(payload, one=reading(firmware="19.27")), list)


def test_a_frame_that_names_another_address():
    said = planned(group([("charge_switch", "true")]), {"device_address": 3})
    assert said == "the settings frame from address 1 names address 3: nothing is sent"


def test_triggers_are_released_on_their_own_side():
    def said(payload, source, trigger, release):
        frame = bytearray(cw.about())
        frame[234] = source
        cb.put(frame, 238, trigger, 4)
        cb.put(frame, 242, release, 4)
        one = reading()
        one.keep(cb.seal(frame), cb.ABOUT)
        return planned(payload, one=one)

    low = group([("lcd_buzzer_trigger_value", 20)])
    assert isinstance(said(low, 1, 10, 30), list)
    assert "must stay below lcd_buzzer_release_value" in said(low, 1, 10, 15)
    assert isinstance(said(low, 8, 60, 15), list)
    assert "lcd_buzzer_release_value 30 must stay below lcd_buzzer_trigger_value 20" in said(low, 8, 60, 30)
    assert isinstance(said(low, 0, 0, 0), list), "off"
    assert isinstance(said(low, 10, 100, 95), list), "an alarm, no value"
    assert "must stay below" in said(group([("lcd_buzzer_trigger", '"low_soc"')]), 0, 30, 20)
    both = group([("lcd_buzzer_trigger", 1), ("lcd_buzzer_trigger_value", 20), ("lcd_buzzer_release_value", 30)])
    assert [name for name, _ in said(both, 0, 0, 0)][-1] == "lcd_buzzer_trigger", "once its values are in order"


# Order


def legal(state):
    values = [state[name] for name in CHAIN]
    return all([values[i] < values[i + 1] for i in range(len(values) - 1)])


def walk(start, goal, asked):
    """Plan `asked` as a group and check the state after each write; returns the plan or a refusal."""
    payload = group([(name, "%d.%03d" % (goal[name] // 1000, goal[name] % 1000)) for name in asked])
    if len(payload) > 512:
        return None
    steps = planned(payload, dict([("cell_request_float_voltage", 2500)] + list(start.items())))
    if isinstance(steps, str):
        return steps
    state = dict(start)
    for name, value in steps:
        state[name] = value
        assert legal(state), (start, goal, steps)
    assert sorted(steps) == sorted([(name, goal[name]) for name in asked])
    return steps


def test_raising_and_lowering_keep_every_step_legal():
    start = dict(zip(CHAIN, (2500, 2510, 2511, 2512, 3400, 3401, 3402, 3403)))
    goal = dict(zip(CHAIN, (2550, 2560, 2561, 2562, 3450, 3451, 3452, 3453)))
    up = [name for name, _ in walk(start, goal, CHAIN)]
    for half in (CHAIN[:4], CHAIN[4:]):
        assert [name for name in up if name in half] == list(reversed(half)), up
    down = [name for name, _ in walk(goal, start, CHAIN)]
    for half in (CHAIN[:4], CHAIN[4:]):
        assert [name for name in down if name in half] == list(half), down


def test_mixed_groups_of_chance():
    chance = cb.Chance(4)
    done = 0
    for _ in range(150):
        states = []
        for _ in range(2):
            values = []
            while len(values) < 8:
                value = 2500 + chance.below(1151)
                if value not in values:
                    values.append(value)
            states.append(dict(zip(CHAIN, sorted(values))))
        asked = [name for name in CHAIN if chance.below(4)]
        if not asked:
            continue
        goal = dict(states[0])
        for name in asked:
            goal[name] = states[1][name]
        said = walk(states[0], goal, asked)
        if legal(goal):
            assert isinstance(said, list), said
            done += 1
        else:
            assert "must stay below" in said
    assert done > 10, done


def test_no_order_is_said():
    odd = {"cell_overvoltage_recovery": 3590, "cell_soc100_voltage": 3510}
    payload = group([("cell_overvoltage_recovery", 3.52), ("cell_soc100_voltage", 3.53)])
    said = planned(payload, odd)
    assert "there is no order of single writes in which every step is legal: " in said
    assert "must stay below" in said


def test_fields_of_one_register_are_one_write():
    one = reading()
    command = Command(b"1", "")
    command.read(
        b'{"lcd_always_on":1,"charge_switch":0,"charging_float_mode":0,"heating_start_temperature":1,"smart_sleep":1}',
        lock.ALL,
    )
    steps = plan.make(command, one, cw.pack(), lock.ALL, "lfp")
    assert [len(step.rows) for step in steps] == [3, 1, 1]
    assert [hex(step.register) for step in steps] == ["0x1114", "0x1070", "0x1116"]
