"""Every recorded frame decodes to its expected values: names and numbers of ../shared/frames/rs485/expected."""

import json
import os

import core_bytes as cb
import recordings

from jkcore import framer as fr
from jkcore import payload
from jkcore.fields import table
from jkcore.message import Message
from jkcore.pack import Pack, blank_private

# Rows of the protocol's tables that the expected files do not list; `decode` prints every row.
UNLISTED = {
    cb.LIVE: (
        "power_magnitude", "temp_sensor_present", "discharge_current_correction", "charge_sensor_voltage",
        "discharge_sensor_voltage", "pack_voltage_10mv", "special_charger_status", "startup_flag", "pvd_timestamp",
        "charge_current_correction",
    ),
    cb.SETTINGS: tuple(["connection_wire_resistance_%d" % n for n in range(32)])
    + ("current_range_raw", "data_field_enable_0"),
    cb.ABOUT: ("agency_id", "hardware_option"),
}  # fmt: skip
TEMPERATURES = ("mos_temperature", "temperature_1", "temperature_2", "temperature_4", "temperature_5")
SECRET_OFFSETS = ((46, 16), (62, 16), (86, 16), (102, 16), (118, 16), (134, 16))


def expectations():
    """(name of the file, parsed) of every expected file."""
    folder = recordings.rs485() + "/expected"
    cb.need("expected")
    for name in sorted(os.listdir(folder)):
        with open(folder + "/" + name) as file:
            yield name, json.load(file)


def decoded(frame, kind):
    """(pack, values of put_values when decoding) of one frame."""
    frame = bytearray(frame)
    if kind == cb.ABOUT:
        blank_private(frame)
    pack = Pack(b"1", 1, "one")
    pack.keep(frame, kind)
    message = Message()
    message.start(False)
    message.body()
    message.open()
    payload.put_values(message, pack, kind, True)
    message.close()
    assert not message.overflow
    return pack, json.loads(bytes(message.buf[message.topic_end : message.end]).decode())


def thousandths(value):
    """A number as whole thousandths: 3.328 and 3.3280000000000003 are the same, 3.328 and 3.329 are not."""
    return int(value * 1000 + (0.5 if value >= 0 else -0.5))


def test_recordings_decode_to_their_expected_values():
    compared = 0
    for name, expected in expectations():
        said = cb.events(cb.read(expected["frame_file"]))
        found = [s for s in said if s[0] == fr.FRAME and s[4] <= 3][expected["frame_index"]]
        kind = found[4]
        assert kind == expected["frame_type"], name
        assert found[6][299] == expected["checksum_byte"], name
        pack, got = decoded(found[6], kind)
        missing = {}
        for key in expected["values"]:
            value = expected["values"][key]["value"]
            # The one place where we differ on purpose: the expected files list a temperature input without a
            # sensor as -200.0; the bridge leaves absent sensors out.
            if key in TEMPERATURES and value == -200.0:
                assert key not in got, (name, key)
                continue
            missing[key] = value
        for key in got:
            if key not in missing:
                assert key in UNLISTED[kind], (name, key, "is in no expected file")
                continue
            value = missing.pop(key)
            where = (name, key, got[key], value)
            if isinstance(value, (int, float)):
                assert thousandths(got[key]) == thousandths(value), where
                compare_scaled(pack, kind, key, value, where)
            else:
                assert got[key] == value, where
            compared += 1
        assert not missing, (name, missing)
    assert compared


def compare_scaled(pack, kind, key, value, where):
    """The whole number behind a value, without any decimal text between: so many tenths, hundredths or thousandths."""
    row = table.find(key, kind)
    if row < 0 or key in ("alarms", "cell_mask"):  # masks are told in halves
        return
    scaled = pack.scaled(row)
    assert thousandths(value) in (scaled, scaled * 10, scaled * 100, scaled * 1000), (where, scaled)


def test_masks_of_recordings_are_told_in_full():
    """The alarm word and the cell mask are 32 bits, also where a small integer has 31."""
    cb.need("ble_live_syssi_v11_heating_on_alarm_0x80201.hex", "ble_live_syssi_b2a8s30p_v1907_alarm_cellqty.hex")
    seen = {}
    for _, expected in expectations():
        if expected["frame_type"] == cb.LIVE:
            frames = cb.frames_in(cb.read(expected["frame_file"]), cb.LIVE)
            _, got = decoded(frames[expected["frame_index"]], cb.LIVE)
            seen[got["alarms"]] = got["alarm_list"]
    assert seen[0] == []
    assert seen[0x80000] == ["change_password"]
    assert seen[4] == ["cell_count_mismatch"]
    assert seen[0x80201] == ["wire_resistance", "charge_undertemp", "change_password"]


def test_every_byte_of_the_recordings_is_accounted_for():
    """What their makers checked, the framer finds: frames, acks, requests, exceptions, FC03, and nothing else."""
    cb.need("INDEX.md")  # recordings of one's own may hold noise
    for name in cb.names():
        data = cb.read(name)
        said = cb.events(data)
        cb.accounted(said, len(data))
        assert not [s for s in said if s[0] == fr.REJECT], name


def test_frames_of_recordings_belong_to_the_pack_of_their_ack():
    for name in cb.names():
        data = cb.read(name)
        at = 0
        for s in cb.events(data):
            if s[0] != fr.FRAME:
                continue
            at = data.find(s[6], at)
            behind = data[at + 300 : at + 308]
            if len(behind) == 8 and behind[1:3] == b"\x10\x16" and cb.sealed(behind[:6]) == behind:
                assert s[3] == behind[0], name
                assert s[2] == 308
            else:
                assert s[3] == fr.NO_ADDRESS, name
            if s[4] == cb.SETTINGS and s[3] != fr.NO_ADDRESS:
                assert s[3] == s[6][270], name
            at += 300


def test_units_of_recordings_are_told_apart():
    """Counts of the makers' index: acks without a frame, requests, exceptions, reads."""

    def count(name):
        cb.need(name)
        codes = [s[0] for s in cb.events(cb.read(name))]
        wanted = (fr.FRAME, fr.REQUEST, fr.WRITE, fr.ACK, fr.EXCEPTION, fr.READ)
        return tuple([codes.count(code) for code in wanted])

    assert count("computed_requests_and_acks.hex") == (0, 48, 0, 48, 0, 0)
    assert count("modbus_writes_txubelaxu_v1420_v1532.hex") == (0, 0, 11, 0, 2, 0)
    assert count("modbus_switch_writes_v1541.hex") == (0, 0, 4, 2, 0, 0)
    assert count("modbus_fc03_reads_bms_to_inverter179.hex") == (0, 0, 0, 0, 0, 8)
    assert count("bus_2packs_0_1_v1420_long_excerpt.hex") == (20, 80, 0, 0, 0, 0)
    assert count("exchange_tlamoureux_onekey_lfp_v1530.hex") == (1, 0, 1, 0, 0, 0)


def test_private_fields_of_about_frames_are_blanked_before_they_are_kept():
    found = 0
    for name in cb.names():
        for frame in cb.frames_in(cb.read(name), cb.ABOUT):
            found += 1
            frame = bytearray(frame)
            for at, length in SECRET_OFFSETS:
                for i in range(length):
                    frame[at + i] = 65 + i
            pack, got = decoded(frame, cb.ABOUT)
            for at, length in SECRET_OFFSETS:
                assert bytes(pack.frame(cb.ABOUT)[at : at + length]) == bytes(length), (name, at)
            text = json.dumps(got)
            assert "ABCDEF" not in text, name
            # Their neighbours stay.
            assert got["model"].startswith("JK") and len(got["manufacture_date"]) == 6, name
    if not found:
        raise recordings.SkipTest("no recorded about frame in the folder")
