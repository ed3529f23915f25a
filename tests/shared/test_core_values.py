"""Numbers, texts and JSON of one pack: exact at every extreme, null where a device cannot hold the number."""

import core_bytes as cb
from core_values import LIMIT, NUMBERS, kept, message, plain, text, values

from jkcore import pack, payload
from jkcore.fields import table
from jkcore.pack import Pack


def test_live_numbers_at_their_extremes():
    """Every number from its smallest to its largest: exact text below 2**30, null from there on."""
    for name, at, size, signed, decimals in NUMBERS:
        top = 1 << 8 * size
        for value in (0, 1, 255, top // 4 - 1, top // 4, top // 2 - 1, top // 2, top - 1):
            shown = value - top if signed and value >= top // 2 else value
            if "temperature" in name and shown == -2000:
                continue
            frame = cb.live()
            cb.put(frame, at, value, size)
            one = kept(cb.seal(frame))
            row = table.find(name, cb.LIVE)
            got = one.scaled(row)
            made = message()
            payload.put_value(made, one, row, False)
            if "temperature" in name and not -600 <= shown <= 1500:
                assert got is None and text(made) == "null", (name, value, got)  # no sensor measures that
            elif -LIMIT <= shown < LIMIT:
                assert got == shown, (name, value, got)
                assert text(made) == plain(shown, decimals), (name, text(made))
            else:
                assert got is None, (name, value, got)
                assert text(made) == "null"
                assert one.counts[pack.OVERFLOWS] > 0


def test_power_is_signed_and_exact():
    """Voltage x current in mW, rounded; no step leaves the small integers on a device."""
    row = table.find("power", cb.LIVE)
    for voltage, current in (
        (53254, -4540), (53254, 4540), (0, 5000), (1, 1), (60000, 350000), (115000, -500000), (200000, 1499999),
        (52815, -999), (52815, 1), (250000, -1999999),
    ):  # fmt: skip
        frame = cb.live()
        cb.put(frame, 150, voltage, 4)
        cb.put(frame, 158, current, 4)
        exact = voltage * abs(current)
        got = kept(cb.seal(frame)).scaled(row)
        assert abs(abs(got) - exact / 1000) <= 1, (voltage, current, got)
        assert got == 0 or (got < 0) == (current < 0)
    for voltage, current in ((250001, 1000), (53000, 2000000), (0xFFFFFFFF, 1), (53000, -0x80000000)):
        frame = cb.live()
        cb.put(frame, 150, voltage, 4)
        cb.put(frame, 158, current, 4)
        assert kept(cb.seal(frame)).scaled(row) is None


def test_alarms_and_their_list():
    for word, keys in (
        (0, []), (1, ["wire_resistance"]), (0x80000, ["change_password"]), (0x80000000, ["bit_31"]),
        (0x30, ["cell_overvoltage", "pack_overvoltage"]), (0x10000000, ["gps_remote_lock"]), (0x20000000, ["bit_29"]),
    ):  # fmt: skip
        frame = cb.live()
        cb.put(frame, 166, word, 4)
        got = values(kept(cb.seal(frame)))
        assert (got["alarms"], got["alarm_list"]) == (word, keys)
    frame = cb.live()
    cb.put(frame, 166, 0xFFFFFFFF, 4)
    assert len(values(kept(cb.seal(frame)))["alarm_list"]) == 32


def test_published_words():
    frame = cb.live()
    frame[198] = 0
    frame[172] = 2
    frame[280] = 1
    got = values(kept(cb.seal(frame), firmware="15.41"))
    assert (got["charge_mos"], got["discharge_mos"]) == ("OFF", "ON")
    assert (got["balance_state"], got["charge_status"]) == ("discharging", "absorption")
    assert (got["cell_voltage_max"], got["cell_voltage_min"]) == (3.302, 3.3)
    assert (got["cell_max_number"], got["cell_min_number"]) == (3, 1)
    assert "power_magnitude" not in got and "temp_sensor_present" not in got and "pack_voltage_10mv" not in got
    raw = values(kept(frame, firmware="15.41"), decoding=True)
    assert (raw["charge_mos"], raw["balance_state"], raw["charge_status"]) == (0, 2, 1)
    assert "cell_voltage_max" not in raw


def test_an_option_nobody_knows_is_null():
    frame = cb.live()
    frame[172] = 9
    assert values(kept(cb.seal(frame)))["balance_state"] is None


def test_cells_follow_the_mask():
    for mask in (0, 1, 0xFF, 0xFFFF, 0x80000001, 0xAAAAAAAA, 0xFFFFFFFF):
        frame = cb.live(cells=32)
        cb.put(frame, 70, mask, 4)
        one = kept(cb.seal(frame))
        got = values(one)
        for n in range(1, 33):
            there = mask >> (n - 1) & 1
            assert ("cell_voltage_%d" % n in got) == bool(there), (mask, n)
            assert ("cell_wire_resistance_%d" % n in got) == bool(there), (mask, n)
        assert got["cell_count"] == one.cells() == bin(mask).count("1")
        assert ("cell_voltage_max" in got) == bool(mask)


def test_sensors_follow_their_bits_and_the_absent_value():
    places = ((0, 144, "mos_temperature"), (1, 162, "temperature_1"), (2, 164, "temperature_2"),
              (4, 256, "temperature_4"), (5, 258, "temperature_5"))  # fmt: skip
    for bit, at, name in places:
        frame = cb.live()
        cb.put(frame, 258, 250, 2)
        assert name in values(kept(cb.seal(frame)))
        frame[214] = 255 & ~(1 << bit)
        got = values(kept(cb.seal(frame)))
        assert name not in got
        assert len([n for _, _, n in places if n in got]) == 4
        frame[214] = 255
        cb.put(frame, at, -2000, 2)
        assert name not in values(kept(cb.seal(frame)))


def test_firmware_decides_what_a_field_means():
    frame = cb.live()
    for firmware in ("14.20", "15.30", "15.35", "15.36", "19.27"):
        got = values(kept(frame, firmware=firmware))
        assert ("charge_status" in got) == (firmware >= "15.35"), firmware
        assert ("dry_contacts" in got) == (firmware >= "15.36"), firmware
    one = Pack(b"1", 1, "one")
    one.keep(cb.settings(), cb.SETTINGS)
    assert "heating_start_temperature" not in values(one, cb.SETTINGS)
    for firmware, wanted in (("15.32", 0), ("15.41", 1), ("19.05", 1)):
        one.keep(cb.about(firmware), cb.ABOUT)
        assert ("heating_start_temperature" in values(one, cb.SETTINGS)) == bool(wanted), firmware
        assert ("discharge_ocp_2" in values(one, cb.SETTINGS)) == (firmware >= "15.30")
        assert ("discharge_undertemperature_protection" in values(one, cb.SETTINGS)) == (firmware >= "19")


def test_firmware_versions():
    for written, wanted in (
        ("15.41", 1541), ("19.27", 1927), ("14.20", 1420), ("11.288H", 0), ("", 0), ("V15.41", 0), ("15.41\0x", 1541),
    ):  # fmt: skip
        got = pack.parse_firmware(cb.about(written))
        assert got == wanted or (written == "11.288H" and got in (0, 1128)), (written, got)


def test_settings_and_their_bits():
    one = Pack(b"1", 1, "one")
    one.keep(cb.settings(3), cb.SETTINGS)
    got = values(one, cb.SETTINGS)
    assert got["cell_overvoltage_protection"] == 3.65
    assert got["charge_undertemperature_protection"] == -20.0
    assert (got["charge_switch"], got["balance_switch"]) == ("ON", "OFF")
    assert got["controls"] == 0x3210
    assert (got["lcd_always_on"], got["charging_float_mode"], got["smart_sleep"]) == ("ON", "ON", "OFF")
    assert got["device_address"] == 3
    frame = cb.settings()
    for i in range(6, 299):
        frame[i] = 255
    one.keep(cb.seal(frame), cb.SETTINGS)
    got = values(one, cb.SETTINGS)
    assert got["cell_overvoltage_protection"] is None
    assert got["charge_undertemperature_protection"] == -0.1
    assert got["controls"] == 65535
    assert got["charge_switch"] in ("ON", None)


def test_about_texts_end_at_zero_and_are_clean():
    frame = cb.about()
    frame[6:21] = b'A"B\\C\x00not shown'
    cb.seal(frame)
    pack.blank_private(frame)
    one = Pack(b"1", 1, "one")
    one.keep(frame, cb.ABOUT)
    got = values(one, cb.ABOUT)
    assert got["model"] == "A?B?C"
    assert got["hardware_version"] == "15A"
    assert "hardware_option" not in got
    assert got["rcv_time"] == 1.0 and got["rfv_time"] == 24.0


def test_a_frame_that_is_not_there_has_no_values():
    one = kept(cb.live())
    one.forget_live()
    assert values(one) == {}
    assert values(one, cb.SETTINGS) == {}
    assert not one.present(table.find("soc", cb.LIVE))
