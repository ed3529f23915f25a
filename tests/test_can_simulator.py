"""What simulated packs say on CAN: the layouts by cantools, the timing by the one recording of a whole bus."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import can
import can_dbc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jkbridge import can_log, cli
from jkbridge.simulator import Battery, CanLine, CanPack, CanServer, Frame, make_can, write_log
from jkbridge.simulator.can_messages import ALARM_LEVELS, V1, V2, identifier
from jkbridge.simulator.can_others import OTHERS, other
from jkbridge.simulator.can_wire import bits


def steps(line, seconds, start=0):
    """Frames ms by ms, so that what a pack said last is what its frames were made of."""
    for now in range(start, start + int(1000 * seconds) + 1):
        yield from line.read(now)


def told(db, line, seconds, addresses):
    """Message names that came, after every signal of every frame was compared with the pack's truth."""
    names = Counter()
    for sent in steps(line, seconds):
        frame = sent.frame
        for address in addresses:
            message = can_dbc.message_of(db, frame.id, frame.extended, address)
            if message is not None:
                break
        else:
            pytest.fail(f"{frame.id:X} belongs to no pack")
        truth = line.packs[address].said
        name, values = can_dbc.signals(db, frame.id, frame.extended, frame.data, address)
        for signal, value in values.items():
            if signal == "CycleCap":
                assert round(10 * value) == truth["cycle_capacity"] // 100 % 65536
            elif signal == "ChgDevSw":
                assert value == 1 - truth["charge_request"]
            elif signal.startswith("Err"):
                if signal != "ErrReserved":
                    bit = message.get_signal_by_name(signal).start
                    assert value == truth["alarms"] >> bit & 1
            elif signal.startswith("Alm"):
                bit = message.get_signal_by_name(signal).start
                assert value == truth["alarm_levels"] >> bit & 3
            elif signal == "TempMaskCode":
                assert value == 0x10
            elif signal == "DischgTime":
                assert value == truth.get("discharge_time", 0)
            else:
                canonical, factor = can_dbc.MEANS[signal]
                if canonical in truth:
                    assert value == pytest.approx(truth[canonical] * factor), (name, signal)
                else:
                    assert value in (0, 205), (name, signal)  # no such cell; no such sensor (0xFF)
        names[name] += 1
    return names


def test_every_signal_of_every_message_is_the_packs_own(frames_dir):
    db = can_dbc.database(frames_dir)
    stories = [["imbalanced"], ["cold"], ["worn"], ["default_password"]]
    line = make_can([0, 1, 2, 11], cells=25, stories=stories, start_hour=11, speed=60)
    line.packs[0].levels = {name: 1 + place % 3 for place, name in enumerate(ALARM_LEVELS)}
    line.packs[1].battery.protection.forced |= {"charge_undertemp", "mos_overtemp", "discharge_mos_fault"}
    line.packs[2].battery.probes = (1,)
    line.packs[2].charger_plugged = 1
    names = told(db, line, 4, [0, 1, 2, 11])
    assert set(names) == {message.name for message in V2}


@pytest.mark.parametrize("cells", [4, 8, 13, 16, 24, 25])
def test_only_the_cell_frames_that_are_needed_come(cells, frames_dir):
    db = can_dbc.database(frames_dir)
    names = told(db, make_can([3], cells=cells, stories=[[]]), 3, [3])
    groups = [name for name in names if name.startswith("CELLVOL_")]
    assert len(groups) == (cells + 3) // 4
    assert not {"ALM_INFO", "BMSERR_INFO"} & set(names)


def test_more_cells_or_another_address_than_the_protocol_has_are_refused():
    with pytest.raises(ValueError, match="1 to 25 cells, not 26"):
        make_can([0], cells=26)
    with pytest.raises(ValueError, match="0 to 15, not 16"):
        make_can([16])


def test_the_recorded_bus_and_a_simulated_one_have_the_same_structure(frames_dir):
    expected = json.loads((frames_dir / "can/expected/01_jk16s_000-250k_sigrok_10s.json").read_text())
    line = make_can([0], bitrate=250_000, stories=[[]])
    times = defaultdict(list)
    for sent in line.play(60):
        width = "08X" if sent.frame.extended else "03X"
        times[f"{sent.frame.id:{width}}"].append(sent.at_us / 1000)
        assert len(sent.frame.data) == 8
    assert set(times) == set(expected["ids"])
    for name, one in expected["ids"].items():
        periods = [b - a for a, b in zip(times[name], times[name][1:], strict=False)]
        mean = sum(periods) / len(periods)
        assert mean == pytest.approx(one["mean_period_ms"], rel=0.001), name
        # Measured: +-1 ms for the standard frames, +-5 for the cells'.
        jitter = 5 if name.startswith("18E") else 1.7
        assert max(abs(period - mean) for period in periods) < jitter, name
    assert line.load == pytest.approx(0.017, abs=0.001)  # what the recording's page says of it


def test_a_cycle_has_the_recorded_order_a_message_each_millisecond():
    line = make_can([0], bitrate=250_000, stories=[[]])
    cycles = []
    for sent in line.play(30):
        if sent.frame.id == 0x2F4:
            cycles.append([])
        if cycles:
            cycles[-1].append(sent)
    full = max(cycles, key=len)
    assert [sent.frame.id for sent in full] == [
        0x2F4, 0x4F4, 0x18F128F4, 0x18F528F4, 0x1806E5F4, 0x5F4, 0x18F228F4, 0x18F428F4,
        0x18E028F4, 0x18E128F4, 0x18E228F4, 0x18E328F4,
    ]  # fmt: skip
    for slot, sent in enumerate(full):
        assert abs(sent.at_us - full[0].at_us - 1000 * slot) < 900


def test_frame_lengths_fit_the_recorded_wire(frames_dir):
    log = can_log.read(frames_dir / "can/01_jk16s_000-250k_sigrok_10s.log").frames
    text = (frames_dir / "can/replay/01_jk16s_000-250k_sigrok_10s.log").read_text().splitlines()
    begins_us = [round(1e6 * float(line[1:18])) for line in text]
    taken = []  # bits from the begin of a frame to that of the next, over what this frame needs with its gap
    for frame, here, there in zip(log, begins_us, begins_us[1:], strict=False):
        needs = bits(Frame(frame.id, frame.extended, frame.data)) + 3
        taken.append((there - here) / 4 - needs)
    assert min(taken) == pytest.approx(0, abs=1)  # one pair is back to back: 146.2 bits measured


@given(st.booleans(), st.integers(0, 0x1FFFFFFF), st.binary(max_size=8))
def test_frame_lengths_are_within_what_the_standard_allows(extended, number, data):
    frame = Frame(number if extended else number & 0x7FF, extended, data)
    plain = (64 if extended else 44) + 8 * len(data)
    assert plain <= bits(frame) <= plain + (plain - 10 - 1) // 4


def test_a_full_bus_of_sixteen_packs_stays_below_the_stated_load():
    line = make_can(range(16), bitrate=250_000)
    frames = sum(1 for _ in line.play(20)) / 20
    assert frames == pytest.approx(16 * 34.4, rel=0.05)  # alarms and faults of the stories come on top
    assert 0.2 < line.load < 0.3
    assert line.lost == line.collisions == 0


def test_twice_the_bit_rate_is_half_the_load():
    slow, fast = make_can([0, 1], bitrate=250_000), make_can([0, 1], bitrate=500_000)
    assert list(slow.play(10))
    assert list(fast.play(10))
    assert fast.load == pytest.approx(slow.load / 2, rel=0.01)


class Burst:
    """Many stations ready at one instant."""

    def __init__(self, ids):
        self.line = CanLine(bitrate=250_000)
        self.stations = []
        for number, extended in ids:
            station = other("remote", Battery())
            station.first_ms = 1e6  # it says only what it is told to here
            self.line.add(station)
            self.stations.append(station)
            self.line.say(station, "", Frame(number, extended, bytes(8)))


def test_the_smallest_identifier_wins_and_standard_wins_against_extended():
    burst = Burst([(0x18F128F4, True), (0x7F4, False), (0x63C, False), (0x2F4, False), (0x1806E5F4, True)])
    order = [sent.frame.id for sent in burst.line.read(0) + burst.line.read(10)]
    # 0x18F128F4 begins with 0x63C: the standard frame of that number goes first.
    assert order == [0x2F4, 0x1806E5F4, 0x63C, 0x18F128F4, 0x7F4]


def test_frames_never_overlap_and_keep_the_gap():
    line = make_can(range(16), bitrate=125_000)
    last = 0
    for sent in line.play(5):
        begin = sent.at_us - bits(sent.frame) * 8
        assert begin >= last + 3 * 8 - 1
        last = sent.at_us


def test_alarms_and_faults_come_only_while_they_stand():
    line = make_can([0], stories=[[]])
    pack = line.packs[0]
    pack.battery.settings["cell_overvoltage_protection"] = 9999

    def ids(start):
        return {sent.frame.id: sent.frame.data for sent in steps(line, 1, start)}

    assert not {0x7F4, 0x18F328F4} & set(ids(0))
    pack.battery.protection.forced.add("cell_overvoltage")
    with_alarm = ids(1001)
    assert with_alarm[0x7F4] == bytes((1, 0, 0, 0, 0, 0, 0, 0))
    assert with_alarm[0x18F328F4] == bytes((0x10, 0, 0, 0, 0, 0, 0, 0))
    assert pack.truth(2002)["alarms"] == 1 << 4
    pack.battery.protection.forced.clear()
    assert not {0x7F4, 0x18F328F4} & set(ids(2200))
    # "password not changed" is bit 19, and R1 had it without the frame.
    pack.battery.protection.forced.add("change_password")
    assert 0x18F328F4 not in ids(3400)
    pack.fault_bits = 32
    assert ids(4600)[0x18F328F4] == bytes((0, 0, 8, 0, 0, 0, 0, 0))


def test_v1_says_four_things_with_the_alarms_v2_has_not():
    line = make_can([0], version="v1", stories=[[]])
    pack = line.packs[0]
    pack.levels = {"insulation": 2, "cell_overvoltage": 1}
    times = defaultdict(list)
    data = {}
    for sent in line.play(5):
        assert not sent.frame.extended
        times[sent.frame.id].append(sent.at_us / 1000)
        data[sent.frame.id] = sent.frame.data
    assert {message.id for message in V1} == set(times)
    assert (times[0x2F4][-1] - times[0x2F4][0]) / (len(times[0x2F4]) - 1) == pytest.approx(20, rel=0.001)
    assert data[0x7F4] == (1 | 2 << 22).to_bytes(8, "little")
    hours = pack.said["discharge_time"]
    assert hours > 0
    assert data[0x2F4][6:] == hours.to_bytes(2, "little")
    assert "cell_voltage_1" not in pack.said
    modern = make_can([0], stories=[[]])
    modern.packs[0].levels = {"insulation": 2}
    assert 0x7F4 not in {sent.frame.id for sent in modern.play(2)}


def test_the_sign_of_the_current_can_be_the_other_one():
    currents = []
    for sign in (1, -1):
        line = make_can([0], sign=sign, stories=[[]], start_hour=20)
        frame = next(sent.frame for sent in steps(line, 1) if sent.frame.id == 0x2F4)
        assert line.packs[0].said["current"] < 0
        currents.append(int.from_bytes(frame.data[2:4], "little") - 4000)
    assert currents[0] == -currents[1] < 0


@pytest.mark.parametrize(
    ("reading", "ids"),
    [
        ("carry", {0x300, 0x500, 0x600, 0x18F12900, 0x1806E600, 0x18E02900}),
        ("wrap", {0x200, 0x400, 0x500, 0x18F12800, 0x1806E500, 0x18E02800}),
    ],
)
def test_addresses_above_11_in_both_readings(reading, ids):
    line = make_can([12], reading=reading, cells=4, stories=[[]])
    assert ids <= {sent.frame.id for sent in line.play(2)}
    assert all(sent.frame.id <= (0x1FFFFFFF if sent.frame.extended else 0x7FF) for sent in line.play(2))


def test_both_readings_agree_up_to_11():
    for message in V2:
        for address in range(12):
            assert identifier(message, address, "carry") == identifier(message, address, "wrap") == message.id + address


def test_the_cycled_capacity_wraps_on_the_wire_and_not_in_the_truth():
    line = make_can([0], stories=[[]])
    battery = line.packs[0].battery
    battery.discharged_mah = 9_841_100.0
    frame = next(sent.frame for sent in steps(line, 1) if sent.frame.id == 0x18F128F4)
    assert int.from_bytes(frame.data[4:6], "little") == 98411 - 65536
    assert line.packs[0].said["cycle_capacity"] // 100 == 98411


@pytest.mark.parametrize("absent", [0xFF, 0x00])
def test_a_sensor_that_is_not_there(absent):
    battery = Battery(probes=(1, 2), stories=())
    line = CanLine([CanPack(0, battery, absent=absent)])
    frame = next(sent.frame for sent in steps(line, 2) if sent.frame.id == 0x18F228F4)
    assert frame.data[4:6] == bytes((absent, absent))
    assert "temperature_4" not in line.packs[0].said


def test_two_packs_at_one_address_flicker():
    line = make_can([1, 1], stories=[["worn"], []])
    said = {sent.frame.data for sent in line.play(5) if sent.frame.id == 0x18F128F5}
    assert {int.from_bytes(data[2:4], "little") for data in said} == {2548, 2800}


def test_one_identifier_with_different_data_at_one_moment_is_an_error_and_both_come_later():
    line = CanLine(bitrate=250_000)
    stations = [line.add(CanPack(0, Battery(seed=seed), version="v1")) for seed in (1, 2)]
    for pack in stations:
        pack.powered = False
        line.say(pack, "BATT_ST1", Frame(0x2F4, False, bytes((pack.battery.seed,)) * 8))
    sent = line.read(0) + line.read(10)
    assert [(one.frame.id, one.frame.error) for one in sent] == [(0x2F4, True), (0x2F4, False), (0x2F4, False)]
    assert line.collisions == line.errors == 1


def test_nobody_acknowledges_and_the_same_frame_is_tried_for_ever():
    line = make_can([0], acknowledged=False)
    sent = list(line.play(3))
    assert len(sent) > 1000
    assert all(one.frame.error for one in sent)
    assert line.frames == 0


def bursts(line, seconds, address):
    found = []
    for sent in line.play(seconds):
        if sent.frame.id == 0x18E028F4 + address:
            found.append([])
        if sent.frame.extended and 0x18E0 <= sent.frame.id >> 16 <= 0x18E6 and sent.frame.id & 0xF == 4 + address:
            found[-1].append(sent.frame.id >> 16 & 0xF)
    return found


def test_bursts_are_cut_in_the_middle():
    line = make_can([0, 1])
    fault = line.fault("cut", 1, amount=2, rate=0.5)
    cut = bursts(line, 60, 1)
    assert {tuple(burst) for burst in cut} == {(0, 1), (0, 1, 2, 3)}
    assert fault.struck == sum(1 for burst in cut if len(burst) == 2)
    assert {tuple(burst) for burst in bursts(line, 15, 0)} == {(0, 1, 2, 3)}


def test_other_faults_strike_what_they_say():
    line = make_can([0, 1], stories=[[]])
    for kind, only in (("lose", "BATT_ST2"), ("short", "CELL_TEMP"), ("remote", "BMS_INFO"), ("error", "ALL_TEMP")):
        line.fault(kind, 0, only=only, amount=3)
    silence = line.fault("silence", 1, start=5)
    sent = list(line.play(10))
    mine = {one.frame.id: one.frame for one in sent if one.frame.id & 0xF == 4}
    assert 0x18F128F4 not in mine
    assert len(mine[0x5F4].data) == 5
    assert mine[0x18F428F4].remote
    assert mine[0x18F228F4].error
    assert max(one.at_us for one in sent if one.frame.id & 0xF == 5) < 5_100_000
    silence.cancel()
    assert any(one.frame.id == 0x2F5 for one in line.play(1))
    with pytest.raises(ValueError, match="unknown on CAN"):
        line.fault("no_ack")


def test_others_are_on_the_bus():
    line = make_can([0], others=list(OTHERS))
    sent = list(line.play(12))
    ids = {one.frame.id for one in sent}
    assert {0x305, 0x307, 0x351, 0x355, 0x356, 0x359, 0x35C, 0x35E, 0x18F0F428, 0x18FF50E5, 0x01F21400} <= ids
    assert any(one.frame.remote for one in sent)
    pylon = next(one.frame.data for one in sent if one.frame.id == 0x356)
    volt = int.from_bytes(pylon[:2], "little") / 100
    assert volt == pytest.approx(line.packs[0].said["pack_voltage"] / 1000, abs=0.3)
    with pytest.raises(ValueError, match="nobody on the bus"):
        make_can([0], others=["sailor"])


def test_an_inverter_profile_switches_jks_messages_off():
    line = make_can([0], version="pylon")
    assert {sent.frame.id for sent in line.play(3)} == {0x351, 0x355, 0x356, 0x359, 0x35C, 0x35E}


def test_one_battery_on_both_buses_says_the_same():
    from jkbridge.simulator import make_line

    rs485 = make_line([1])
    line = make_can([0], batteries=[rs485.slaves[1].battery])
    list(line.play(3))
    here, there = line.packs[0].truth(3000), rs485.slaves[1].truth(3000, "live")
    assert abs(here["pack_voltage"] - there["pack_voltage"]) <= 120
    assert here["cycle_count"] == there["cycle_count"]
    for number in range(1, 17):
        assert abs(here[f"cell_voltage_{number}"] - there[f"cell_voltage_{number}"]) <= 2


def test_the_same_seed_tells_the_same_story_and_steps_of_any_size_do_too():
    whole = [(one.at_us, one.frame) for one in make_can([0, 1], seed=7).play(5)]
    line = make_can([0, 1], seed=7)
    line.read(0x3FFFFFFF - 2000)  # the clock wraps meanwhile
    parts = []
    for now in (100, 101, 900, 2500, 5000):
        parts += [(one.at_us, one.frame) for one in line.read((0x3FFFFFFF - 2000 + now) & 0x3FFFFFFF)]
    assert parts == whole


def test_served_on_virtual_in_real_time():
    packs = make_can([0, 5])
    with can.Bus(interface="virtual", channel="served") as ear, CanServer(packs, "virtual", "served") as server:
        heard = {}
        end = time.monotonic() + 20
        while not {0x2F4, 0x2F9, 0x18F128F4, 0x18F128F9} <= set(heard) and time.monotonic() < end:
            message = ear.recv(1)
            if message is not None:
                heard[message.arbitration_id] = message
        assert server.truth(5)["soc"] == heard[0x2F9].data[4]
        assert server.unsent == 0


def test_an_interface_that_cannot_be_had_is_a_sentence():
    with pytest.raises(OSError, match=r"cannot send on udp_multicast:nowhere.*from 239\.0\.0\.0"):
        CanServer(make_can([0]), "udp_multicast", "nowhere").start()
    command = [sys.executable, "-m", "jkbridge", "simulate", "--can", "udp_multicast:nowhere"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1  # python-can has no word of its own in it


@pytest.mark.parametrize(("interface", "channel"), [("socketcan", "can0"), ("slcan", "/dev/ttyACM0"), ("gs_usb", "0")])
def test_no_simulated_battery_speaks_on_a_real_bus(interface, channel, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(can, "Bus", lambda **how: opened.append(how))
    assert cli.main(["simulate", "--can", f"{interface}:{channel}", "--can-also", "display"]) == 2
    assert "may be a real bus" in capsys.readouterr().err
    assert opened == []


@pytest.mark.parametrize("suffix", ["log", "asc", "blf", "trc", "csv"])
def test_log_files_of_every_kind_hold_what_was_said(suffix, tmp_path):
    path = tmp_path / f"bus.{suffix}"
    count = write_log(make_can([0, 1], seed=3), str(path), 3)
    said = list(make_can([0, 1], seed=3).play(3))
    with can.LogReader(str(path)) as reader:
        read = list(reader)
    assert count == len(said) == len(read)
    first = read[0].timestamp - said[0].at_us / 1e6
    for message, sent in zip(read, said, strict=True):
        assert (message.arbitration_id, message.is_extended_id) == (sent.frame.id, sent.frame.extended)
        assert bytes(message.data) == sent.frame.data
        assert message.timestamp - first == pytest.approx(sent.at_us / 1e6, abs=0.002)


def simulate(*arguments, timeout=60):
    command = [sys.executable, "-m", "jkbridge", "simulate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def test_a_log_that_is_there_is_not_overwritten(tmp_path, capsys):
    path = tmp_path / "bus.log"
    path.write_text("(0.0) can0 2F4#1302B20F51000000\n")
    assert cli.main(["simulate", "--can", str(path)]) == 2
    assert "bus.log exists already and is left as it is" in capsys.readouterr().err
    assert len(path.read_text().splitlines()) == 1


def test_the_command_writes_a_log(tmp_path):
    path = tmp_path / "bus.log"
    done = simulate("--can", str(path), "--packs", "0-2,2", "--bitrate", "250000", "--seconds", "3",
                    "--can-also", "pylon,display", "--fault", "cut=2,pack=1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = path.read_text().splitlines()
    assert f"{len(lines)} frames, 3 s at 250000 bit/s" in done.stdout
    assert any(" 35E#50594C4F4E202020" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--can", "bus.foo"], "No write support"),
        (["--can", "bus.log", "--packs", "17"], "0 to 15"),
        (["--can", "bus.log", "--cells", "26"], "1 to 25 cells"),
        (["--can", "bus.log", "--master", "15.41"], "without --pty"),
        (["--can", "bus.log", "--fault", "no_ack"], "unknown on CAN"),
        (["--can", "bus.log", "--fault", "lose,pack=9"], "there is no pack 9"),
        (["--can", "bus.log", "--can-also", "nobody"], "nobody on the bus"),
        (["--can", "bus.log", "--seconds", "0"], "--seconds 0"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = cli.main(["simulate", *arguments])
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_command_serves_until_it_is_stopped(tmp_path):
    import signal

    command = [sys.executable, "-m", "jkbridge", "simulate", "--can", "virtual:house", "--packs", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(tmp_path)) as running:
        head = ""
        while "Ctrl-C ends" not in head:
            line = running.stdout.readline()
            assert line, head
            head += line
        running.send_signal(signal.SIGINT)
        rest = running.stdout.read()
        assert running.wait(20) == 0
    assert "packs 0,1" in head
    assert "bus load" in rest
