"""What Home Assistant is offered to change, on both interpreters: limits that contain what packs hold, commands that
are taken, and nothing dangerous."""

import json

import core_bytes as cb
import core_writes as cw

from jkcore import config, leftovers
from jkcore.desk import Desk
from jkcore.discovery import Discovery
from jkcore.fields import table
from jkcore.message import Message
from jkcore.offers import Offers
from jkcore.outbox import ANNOUNCE, CLEAR, SWEEP
from jkcore.pack import Pack, blank_private
from jkcore.writes import actions, lock, texts
from jkcore.writes.command import Command
from jkcore.writes.refusal import CommandError

CONTROLS = ("number", "switch", "select", "button")
CHEMISTRIES = ("", "lfp", "li-ion", "lto")
# The issue's list of what takes a confirmation word, by the names of the fields (protocol/rs485.md sections 4, 6).
DANGEROUS = (
    "discharge_switch battery_capacity cell_count device_address short_circuit_protection_delay uart1_protocol "
    "uart2_protocol can_protocol port_rs485 temp_sensors_disabled gps_heartbeat gps_lock_charge gps_lock_discharge "
    "emergency_button"
).split()
SAFE = set(
    "charge_switch balance_switch balance_trigger_voltage max_balance_current max_charge_current max_discharge_current "
    "rcv_time rfv_time heating_start_temperature heating_stop_temperature smart_sleep_time lcd_always_on "
    "timed_stored_data charging_float_mode dry_alarm_intermittent discharge_on".split()
)
SAFE_WITH_CHEMISTRY = {"balance_start_voltage", "cell_request_charge_voltage", "cell_request_float_voltage"}


def desk(writes="all", chemistry="lfp", unlock="off", addresses=(0, 1)):
    packs = [{"address": a, "name": "Pack %d" % a, "chemistry": chemistry or None} for a in addresses]
    raw = {"writes": writes, "unlock": unlock, "bus": {"port": "x", "packs": list(addresses)}, "pack": packs}
    return Desk(None, config.load(raw, "host"))


def pack(settings=None, about=None, address=1):
    made = Pack(str(address).encode(), address, "one")
    made.keep(about or cw.about(), cb.ABOUT)
    made.keep(settings or cw.settings(address), cb.SETTINGS)
    return made


def told(one, takes, flags=ANNOUNCE | CLEAR):
    """Everything that is said about a pack: [(topic, payload as text)]."""
    found = []
    message = Message()
    discovery = Discovery("homeassistant", "jkbms", 5, takes)
    while discovery.put(message, one, flags):
        assert not message.overflow
        assert message.retain
        topic = bytes(message.buf[7 : message.topic_end]).decode()
        found.append((topic, bytes(message.buf[message.topic_end : message.end]).decode()))
    return found


def entities(one, takes, flags=ANNOUNCE | CLEAR):
    """(component, field) -> payload of what is announced."""
    found = {}
    for topic, payload in told(one, takes, flags):
        if payload and topic.endswith("/config"):
            _, component, _, field, _ = topic.split("/")
            assert (component, field) not in found
            found[component, field] = json.loads(payload)
    return found


def controls(one, takes):
    return {key[1]: (key[0], entity) for key, entity in entities(one, takes).items() if key[0] in CONTROLS}


def thousandths(value):
    return int(value * 1000 + (0.5 if value >= 0 else -0.5))


def recorded():
    """A pack for each recorded settings frame, with an about frame of the same recording where there is one, and one
    for each about frame. Frames that say the same count once."""
    seen = set()
    for name in cb.names():
        frames = cb.frames_in(cb.read(name))
        about = None
        for frame in frames:
            if frame[4] == cb.ABOUT:
                about = bytearray(frame)
                blank_private(about)
        for frame in frames:
            what = bytes(frame[6 : 299 if frame[4] == cb.SETTINGS else 38])  # run times grow by themselves
            if frame[4] not in (cb.SETTINGS, cb.ABOUT) or what in seen:
                continue
            seen.add(what)
            yield name, pack(frame if frame[4] == cb.SETTINGS else None, about)


def test_what_recorded_packs_hold_lies_inside_limits_and_grid():
    cb.need("settings_sergymb_pb2a16s20p_v1541_8s.hex", "ble_settings_syssi_v1927.hex")
    compared = 0
    for name, one in recorded():
        for chemistry in ("", "lfp"):  # everything wide, and narrow
            for field, (component, entity) in controls(one, desk("all", chemistry)).items():
                if component != "number":
                    continue
                r = max(table.find(field, cb.SETTINGS), table.find(field, cb.ABOUT))
                value = one.scaled(r) * 10 ** (3 - table.at(r).decimals)
                low, high, step = [thousandths(entity[k]) for k in ("min", "max", "step")]
                assert low <= value <= high, (name, chemistry, field, low, value, high)
                assert (value - low) % step == 0 and step >= 1, (name, field, step)
                compared += 1
    assert compared > 500


def taken(field, payload, level):
    """None when a command is understood and allowed, else the code of the reason."""
    try:
        Command(b"1", field).read(payload.encode(), level)
    except CommandError as why:
        return why.code
    return None


def orders(component, entity):
    """(field, payload) of what an entity can send."""
    topic = entity["cmd_t"].split("/")
    assert topic[:3] == ["jkbms", "1", "set"] and len(topic) == 4
    if component == "number":
        payloads = [str(entity["min"]), str(entity["max"])]
    elif component == "select":
        payloads = entity["ops"]
    else:
        payloads = ["ON", "OFF"] if component == "switch" else [entity["pl_prs"]]
    return [(topic[3], payload) for payload in payloads]


def test_every_command_of_an_entity_is_taken_and_refused_with_less():
    one = pack()
    for chemistry in ("", "li-ion"):
        safe = controls(one, desk("safe", chemistry))
        everything = controls(one, desk("all", chemistry))
        assert set(safe) == SAFE | (SAFE_WITH_CHEMISTRY if chemistry else set()), set(safe)
        assert set(safe) < set(everything)
        for level, found in ((lock.SAFE, safe), (lock.ALL, everything)):
            for name, (component, entity) in found.items():
                least = lock.SAFE if name in safe else lock.ALL
                for field, payload in orders(component, entity):
                    assert taken(field, payload, level) is None, (field, payload)
                    assert taken(field, payload, least - 1) == texts.TIER, (field, payload)


def test_nothing_dangerous_can_be_reached_without_its_word():
    for chemistry in CHEMISTRIES:
        for writes in ("safe", "all"):
            said = told(pack(), desk(writes, chemistry))
            reached = []
            for topic, payload in said:
                assert "CONFIRM" not in payload, topic
                if '"cmd_t"' in payload:
                    reached.extend(orders(topic.split("/")[1], json.loads(payload)))
            assert ("discharge_switch", "ON") in reached
            for field, payload in reached:
                assert field not in actions.names(), field
                assert field not in DANGEROUS or (field, payload) == ("discharge_switch", "ON"), (field, payload)
            read_only = {t.split("/")[3] for t, p in said if p and t.split("/")[1] in ("sensor", "binary_sensor")}
            assert set(DANGEROUS) <= read_only, "they are shown as before"


def test_one_entity_for_each_field():
    for writes in ("off", "safe", "all"):
        for chemistry in ("", "lfp"):
            takes = desk(writes, chemistry) if writes != "off" else None
            fields = [key[1] for key in entities(pack(), takes)]
            assert len(fields) == len(set(fields))
            plain = {key[1] for key in entities(pack(), None)}
            assert plain <= set(fields)
            assert set(fields) - plain == (set() if writes == "off" else {"discharge_on", "setting_result"})


def test_without_chemistry_cell_voltages_stay_sensors():
    found = entities(pack(), desk("all", ""))
    for field in ("cell_overvoltage_protection", "balance_start_voltage", "cell_request_charge_voltage"):
        assert ("sensor", field) in found
        assert ("number", field) not in found
    assert ("number", "balance_trigger_voltage") in found


def number(one, takes, field):
    entity = entities(one, takes)["number", field]
    return entity["min"], entity["max"], entity["step"]


def test_limits_are_as_narrow_as_cells_and_model_allow():
    for chemistry, low, high in (("lfp", 2.5, 3.65), ("li-ion", 2.8, 4.2), ("lto", 1.7, 2.7)):
        frame = cw.settings()
        cb.put(frame, 18, int(high * 1000 + 0.5), 4)
        cb.seal(frame)
        assert number(pack(frame), desk("all", chemistry), "cell_overvoltage_protection") == (low, high, 0.001)
    assert number(pack(), desk(), "max_discharge_current") == (1, 200, 0.001)
    assert number(pack(), desk(), "max_balance_current") == (0, 2, 0.001)
    unknown = pack(about=cw.about("JK_NEW"))
    assert number(unknown, desk(), "max_charge_current")[1] == 600.1
    assert number(pack(), desk(), "charge_overtemperature_protection") == (30, 80, 0.1)
    assert number(pack(), desk(), "rcv_time") == (0.1, 25.5, 0.1)
    assert number(pack(), desk(), "charge_overcurrent_delay") == (2, 3600, 1)


def test_limits_contain_what_the_pack_holds_beyond_them():
    frame = cw.settings()
    for at, value in ((18, 3700), (10, 2300), (62, 350000), (54, 1)):
        cb.put(frame, at, value, 4)
    cb.seal(frame)
    one = pack(frame)
    assert number(one, desk(), "cell_overvoltage_protection")[:2] == (2.5, 3.7)
    assert number(one, desk(), "cell_undervoltage_protection")[:2] == (2.3, 3.65)
    assert number(one, desk(), "max_discharge_current")[:2] == (1, 350)
    assert number(one, desk(), "charge_overcurrent_delay")[:2] == (1, 3600)
    # Home Assistant is told anew when such a value comes, changes or goes.
    assert Offers(None, desk()).widened(pack()) == 0
    first = Offers(None, desk()).widened(one)
    assert first > 0
    cb.put(frame, 18, 3710, 4)
    assert Offers(None, desk()).widened(pack(cb.seal(frame))) not in (0, first)
    assert Offers(None, desk("all", "")).widened(pack(cw.settings())) == 0


def test_a_number_that_cannot_be_read_has_the_plain_limits():
    frame = cw.settings()
    cb.put(frame, 62, 0x7FFFFFFF, 4)
    assert number(pack(cb.seal(frame)), desk(), "max_discharge_current")[:2] == (1, 200)


def test_the_master_is_offered_nothing():
    for flags in (ANNOUNCE | CLEAR, SWEEP):
        for topic, payload in told(pack(address=0), desk(), flags):
            assert '"cmd_t"' not in payload
            assert "setting_result" not in topic or not payload
    assert leftovers.terms(desk(), pack(address=0)) == b""


def test_terms_tell_apart_what_is_announced_differently():
    one = pack()
    takes = (desk("safe"), desk("all"), desk("all", ""), desk("off", unlock="safe"), desk("safe", unlock="all"))
    seen = {leftovers.terms(d, one) for d in takes}
    assert len(seen) == len(takes)
    assert leftovers.CHANGING not in seen
    assert b"" not in seen
    assert leftovers.terms(None, one) == b""


def test_sweeping_leaves_one_entity_for_each_field_whatever_was_there():
    choices = (None, desk("safe"), desk("all", ""), desk("all"), desk("off", unlock="all"))
    for before in choices:
        for now in choices:
            stands = {}
            for takes, flags in ((before, ANNOUNCE | CLEAR), (now, ANNOUNCE | CLEAR | SWEEP)):
                for topic, payload in told(pack(), takes, flags):
                    stands[topic] = payload
            left = {t: p for t, p in stands.items() if p and t.endswith("/config")}
            fresh = {t: p for t, p in told(pack(), now) if p}
            assert left == fresh


def test_sweeping_alone_removes_what_is_not_offered_and_nothing_else():
    """A pack that is offline: what is offered still stays as it was."""
    away = Pack(b"1", 1, "one")
    for now in (None, desk("safe"), desk("off", unlock="all")):
        stands = dict(told(pack(), desk("all")))
        fresh = {t for t, p in told(pack(), now) if p and t.split("/")[1] in CONTROLS}
        for topic, payload in told(away, now, SWEEP):
            assert not payload, topic
            stands[topic] = payload
        left = {t for t, p in stands.items() if p and t.split("/")[1] in CONTROLS}
        assert left == fresh


def test_a_frame_that_is_missing_keeps_the_note_open():
    one = Pack(b"1", 1, "one")
    one.keep(cw.about(), cb.ABOUT)
    said = [p for t, p in told(one, desk(), ANNOUNCE | CLEAR | SWEEP) if t.endswith("/offered")]
    assert said == ["changing"]
    one.keep(cw.settings(), cb.SETTINGS)
    said = [p for t, p in told(one, desk(), ANNOUNCE | CLEAR | SWEEP) if t.endswith("/offered")]
    assert said == ["changing", leftovers.terms(desk(), one).decode()]
