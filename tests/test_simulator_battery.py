"""The simulated packs live a believable day: what a person who owns such a battery would expect to see."""

import pytest

from jkbridge.simulator import Battery, Day, Line, Slave, make_line

HOUR_MS = 3_600_000
CELL_OVERVOLTAGE, CHARGE_UNDERTEMP, CHANGE_PASSWORD, WIRE = 1 << 4, 1 << 9, 1 << 19, 1


def day_of(line, address=1, hours=24, step_min=5):
    """Live truths over `hours`, with the hour of the day."""
    truths = []
    start = line.start_s / 3600
    line.read(0)
    for minute in range(0, hours * 60, step_min):
        truths.append((start + minute / 60, line.slaves[address].truth(minute * 60_000, "live")))
    return truths


def test_a_sunny_day():
    day = day_of(make_line([1], stories=[()], start_hour=6))
    at = {round(hour, 2): truth for hour, truth in day}
    assert at[10.0]["current"] > 5_000
    assert at[21.0]["current"] < -10_000
    assert min(truth["soc"] for _, truth in day) < 50
    assert max(truth["soc"] for _, truth in day) == 100
    assert {truth["charge_status"] for _, truth in day} == {0, 1, 2}
    assert all(truth["alarms"] == 0 for _, truth in day)
    assert all(truth["charge_mos"] == truth["discharge_mos"] == 1 for _, truth in day)
    highest = max(truth["cell_voltage_average"] for _, truth in day)
    assert 3580 <= highest <= 3610  # the charger obeys the requested voltage
    warmth = [truth["mos_temperature"] for _, truth in day]
    assert max(warmth) > min(warmth) + 30
    assert any(truth["balance_state"] for _, truth in day)
    assert all((truth["balance_current"] > 0) == (truth["balance_state"] == 1) for _, truth in day)


def test_the_counters_only_grow_and_fit_the_current():
    line = make_line([1], stories=[()], start_hour=19)  # after sunset
    day = day_of(line, hours=6, step_min=1)
    counted = 0
    for (_, earlier), (_, later) in zip(day, day[1:], strict=False):
        assert later["cycle_capacity"] >= earlier["cycle_capacity"]
        assert later["total_runtime"] - earlier["total_runtime"] == 60
        counted += earlier["capacity_remaining"] - later["capacity_remaining"]
    drained = day[-1][1]["cycle_capacity"] - day[0][1]["cycle_capacity"]
    assert drained > 30_000
    assert abs(drained - counted) <= 2  # what went out is what is missing


def test_an_imbalanced_pack_stops_charging_with_an_alarm():
    day = day_of(make_line([1], stories=[("imbalanced",)], start_hour=9), hours=12)
    raised = [truth for _, truth in day if truth["alarms"] & CELL_OVERVOLTAGE]
    assert raised
    assert all(truth["charge_mos"] == 0 and truth["current"] <= 0 for truth in raised)
    assert not day[0][1]["alarms"]
    assert not day[-1][1]["alarms"]
    assert day[-1][1]["detail_log_count"] > day[0][1]["detail_log_count"]
    worst = max(day, key=lambda row: row[1]["cell_voltage_delta"])[1]
    assert worst["cell_voltage_delta"] > 50
    assert worst["balance_state"] in (1, 2)


def test_a_cold_pack_refuses_charge_until_it_is_warm():
    day = day_of(make_line([1], stories=[("cold",)], start_hour=4, firmware="15.41"), hours=10)
    cold = [truth for _, truth in day if truth["alarms"] & CHARGE_UNDERTEMP]
    assert cold
    assert all(truth["charge_mos"] == 0 and truth["current"] <= 0 for truth in cold)
    assert any(truth["heating"] and truth["heating_current"] > 0 for _, truth in day)
    assert day[-1][1]["alarms"] == 0
    assert day[-1][1]["current"] > 0
    assert min(truth["temperature_1"] for _, truth in day) < 20


def test_stories_of_password_wire_and_age():
    line = make_line([1, 2, 3], stories=[("default_password",), ("bad_wire",), ("worn",)])
    assert line.slaves[1].truth(0)["alarms"] == CHANGE_PASSWORD
    second = line.slaves[2].truth(20_000)
    assert second["alarms"] & WIRE
    assert second["wire_resistance_alarm_mask"] == 1 << 4
    assert second["cell_wire_resistance_5"] == 620
    third = line.slaves[3].truth(20_000)
    assert third["soh"] == 91
    assert third["capacity_full"] == 254_800
    assert third["cycle_count"] >= 1200


def test_an_empty_pack_switches_discharge_off():
    battery = Battery(soc=4, stories=())
    battery.wish = lambda t: -60.0
    line = Line([Slave(1, battery)])
    line.read(0)
    truth = line.slaves[1].truth(HOUR_MS, "live")
    assert truth["alarms"] & 1 << 11
    assert truth["discharge_mos"] == 0
    assert truth["current"] == 0
    assert truth["soc"] <= 2
    battery.wish = lambda t: 40.0
    truth = line.slaves[1].truth(2 * HOUR_MS, "live")
    assert truth["discharge_mos"] == 1
    assert truth["current"] > 39_000


def test_overcurrent_trips_and_releases():
    battery = Battery(soc=50)
    battery.wish = lambda t: 130.0 if t < 9 * 3600 + 60 else 10.0
    line = Line([Slave(1, battery)])
    line.read(0)
    truth = line.slaves[1].truth(40_000, "live")
    assert truth["alarms"] == 1 << 6
    assert truth["charge_mos"] == 0
    assert 0 < truth["timer_charge_ocp_release"] <= 60
    truth = line.slaves[1].truth(200_000, "live")
    assert truth["alarms"] == 0
    assert truth["current"] > 9_000


def test_switches_and_forced_alarms_work_at_once():
    line = make_line([1], start_hour=12, stories=[()])
    line.read(0)
    assert line.slaves[1].truth(60_000)["current"] > 0
    battery = line.slaves[1].battery
    battery.settings["charge_switch"] = 0
    truth = line.slaves[1].truth(80_000)
    assert (truth["charge_switch"], truth["charge_mos"]) == (0, 0)
    assert truth["current"] <= 0
    battery.settings["charge_switch"] = 1
    battery.protection.forced.add("discharge_short_circuit")
    truth = line.slaves[1].truth(100_000)
    assert truth["alarms"] == 1 << 14
    assert (truth["charge_mos"], truth["discharge_mos"]) == (1, 0)
    battery.protection.forced.clear()
    battery.settings["cell_count"] = 15
    assert line.slaves[1].truth(120_000)["alarms"] == 1 << 2


def test_how_often_it_is_asked_does_not_change_what_it_says():
    often, seldom = make_line([1], seed=3), make_line([1], seed=3)
    for now in range(0, 3600_000, 1_700):
        often.slaves[1].truth(now, "live")
    seldom.read(0)
    assert often.slaves[1].truth(3600_000) == seldom.slaves[1].truth(3600_000)


def test_packs_of_one_bank_are_alike_but_not_the_same():
    line = make_line([1, 2, 3, 4], stories=[()], start_hour=11)
    truths = [line.slaves[address].truth(0, "live") for address in (1, 2, 3, 4)]
    currents = [truth["current"] for truth in truths]
    assert max(currents) - min(currents) < 0.06 * max(currents)
    assert len(set(currents)) == 4
    assert len({truth["total_runtime"] for truth in truths}) == 4


def test_speed_makes_the_day_pass_faster():
    line = make_line([1], speed=60, start_hour=9)
    line.read(0)
    first = line.slaves[1].truth(0, "live")
    later = line.slaves[1].truth(60_000, "live")
    assert later["total_runtime"] - first["total_runtime"] == 3600
    assert line.seconds(60_000) == 10 * 3600


def test_the_firmwares_differ_where_they_should():
    line = make_line([1, 2, 3, 4], firmware=["14.20", "15.30", "15.41", "19.27"], stories=[()], start_hour=12)
    line.read(0)
    truths = {address: line.slaves[address].truth(4 * HOUR_MS) for address in (1, 2, 3, 4)}
    assert [truths[address]["charge_status"] for address in (1, 2)] == [0, 0]
    assert truths[1]["charge_status_time"] == 0
    assert truths[2]["charge_status_time"] != 0  # 15.30 counts something else there
    assert all(truths[address]["charge_status"] in (1, 2) for address in (3, 4))
    assert [truths[address]["emergency_time"] for address in (1, 2, 3, 4)] == [0, 30, 30, 30]
    assert [truths[address]["controls"] >> 12 & 3 for address in (1, 2, 3, 4)] == [0, 3, 3, 1]
    assert [truths[address]["current_range_raw"] for address in (1, 4)] == [1_500_000, 500_000]
    cold = "discharge_undertemperature_protection"
    assert [truths[address][cold] for address in (1, 2, 3, 4)] == [0, 0, 0, -10]
    assert [truths[address]["hardware_option"] for address in (3, 4)] == ["", "CEHMPRT"]
    assert all(truths[address]["uart2_protocol"] == 1 for address in truths)


def test_settings_keep_the_order_real_packs_keep():
    for chemistry in ("lfp", "li-ion"):
        for firmware in ("14.20", "15.30", "15.41", "19.27"):
            line = make_line([1], firmware=firmware, chemistry=chemistry)
            said = line.slaves[1].truth(0, "settings")
            chain = [said[name] for name in (
                "power_off_voltage", "cell_undervoltage_protection", "cell_soc0_voltage",
                "cell_undervoltage_recovery", "cell_request_float_voltage", "cell_overvoltage_recovery",
                "cell_soc100_voltage", "cell_request_charge_voltage", "cell_overvoltage_protection")]
            assert chain == sorted(set(chain))
            for kind in ("charge", "discharge", "mos"):
                assert said[f"{kind}_overtemperature_recovery"] < said[f"{kind}_overtemperature_protection"]
            assert said["charge_undertemperature_recovery"] > said["charge_undertemperature_protection"]


@pytest.mark.parametrize(("what", "part"), [
    ({"firmware": "13.00"}, "13.00"), ({"chemistry": "lead"}, "lead"), ({"cells": 1}, "2 to 32"),
    ({"stories": [("sad",)]}, "sad"),
])
def test_what_does_not_exist_is_refused_in_words(what, part):
    with pytest.raises(ValueError, match=part):
        make_line([1], **what)


def test_the_sky_is_dark_at_night_and_varies_with_the_seed():
    assert Day(1).solar(2 * 3600) == 0
    assert Day(1).solar(13 * 3600) > 0.05
    noons = {round(sum(Day(seed).solar(10 * 3600 + 240 * i) for i in range(60)), 3) for seed in range(5)}
    assert len(noons) == 5
