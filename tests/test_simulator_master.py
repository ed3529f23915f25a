"""The simulated bus master against the recordings of real ones: order, slots, attribution, coming and going."""

from pathlib import Path

import pytest
import recordings

from jkbridge.simulator import Battery, Line, Master, Slave, make_line
from jkbridge.simulator.modbus import crc16, trigger_request

LIVE, SETTINGS, ABOUT = 0x1620, 0x161E, 0x161C
NAMES = {0x20: "L", 0x1E: "S"}
TYPES = {"L": 2, "S": 1}
WRAP = 0x3FFFFFFF


class Unit:
    """One unit on the wire: label "R7L" (request to 7, live) or "A7S" (answer of 7, settings), its bytes, its time."""

    def __init__(self, label, data, at=None):
        self.label, self.data, self.at = label, data, at


def split(data, at=None):
    """Units of bytes that hold nothing else; every sum and CRC is looked at."""
    found, i = [], 0
    while i < len(data):
        framed = data[i : i + 4] == b"\x55\xaa\xeb\x90"
        end = i + (308 if framed else 11)
        unit = data[i:end]
        body = unit[300:] if framed else unit
        assert len(body) == (8 if framed else 11), f"a unit is cut at {i}: {unit.hex(' ')}"
        assert crc16(body[:-2]).to_bytes(2, "little") == body[-2:], f"bad CRC at {i}: {unit.hex(' ')}"
        assert body[1:3] == b"\x10\x16"
        label = f"{'A' if framed else 'R'}{body[0]}{NAMES[body[3]]}"
        if framed:
            assert sum(unit[:299]) % 256 == unit[299]
            assert unit[4] == TYPES[label[-1]]
        found.append(Unit(label, unit, at))
        i = end
    return found


def watch(line, seconds, start=0, step=1, hook=None):
    """Units heard on an unpaced line read every `step` ms; `at` is ms since `start`. hook(ms) comes before a read."""
    found = []
    for ms in range(0, int(seconds * 1000), step):
        if hook is not None:
            hook(ms)
        found += split(line.read((start + ms) & WRAP), ms)
    return found


def labels(units):
    return [unit.label for unit in units]


def cycle(*slaves, first=1):
    """Labels of one cycle of section 3.1, from the request to address `first`."""
    found = []
    for address in range(first, 16):
        found.append(f"R{address}L")
        if address in slaves:
            found += [f"A{address}L", f"R{address}S", f"A{address}S"]
    return [*found, "A0L", "A0S"]


def contains(long, short):
    return any(long[i : i + len(short)] == short for i in range(len(long) - len(short) + 1))


# -- the recordings


def recorded(name):
    path = Path(recordings.rs485()) / name
    data = b"".join(bytes.fromhex(row) for row in path.read_text().splitlines() if not row.startswith("#"))
    if data[-300:-296] == b"\x55\xaa\xeb\x90":  # one ends in front of an ack
        data = data[:-300]
    return split(data)


def ticks(units, address):
    """Steps of SysRunTicks (0.1 s) from live frame to live frame of one pack."""
    found = [int.from_bytes(unit.data[246:250], "little") for unit in units if unit.label == f"A{address}L"]
    return [later - earlier for earlier, later in zip(found, found[1:], strict=False)]


@pytest.mark.parametrize(("name", "slave"), [
    ("bus_2packs_0_1_v1420_cycle.hex", 1), ("bus_2packs_0_1_v1420_long_excerpt.hex", 1),
    ("bus_2packs_0_1_v1420_start.hex", 1), ("bus_2packs_0_7_v1420_short.hex", 7),
])
def test_the_units_come_in_the_order_of_the_recordings(name, slave):
    real = recorded(name)
    line = make_line([slave], firmware="14.20", master="14.20")
    played = watch(line, 7.2 * 8, step=10)
    assert contains(labels(played), labels(real))
    assert {unit.label: unit.data[5] for unit in real if unit.label[0] == "A"}.items() <= {
        unit.label: unit.data[5] for unit in played if unit.label[0] == "A"
    }.items()
    for address in (0, slave):
        assert set(ticks(real, address)) <= {72}
        assert set(ticks(played, address)) == {72}


def test_a_master_alone_in_the_order_of_the_recording():
    real = labels(recorded("bus_1pack_master_alone_excerpt_v1420.hex"))
    assert real == ["R1L", "R2L", "R14L", "R15L", "A0L"]  # the poster left 3..13 out
    whole = [*real[:2], *(f"R{address}L" for address in range(3, 14)), *real[2:]]
    played = labels(watch(make_line([], master="14.20"), 6.8 * 3, step=10))
    assert contains(played, whole)
    assert played == 3 * cycle()


def test_a_moved_dip_switch_as_in_the_recording():
    real = recorded("bus_2packs_slave_dip_changed_1_to_3_v1420.hex")
    before = sum(unit.label == "A1L" for unit in real)
    line = make_line([1], firmware="14.20", master="14.20")
    pack = line.slaves[1]

    def move(ms):
        if ms == 7200 * (before + 1) - 1000:  # one answer was over when the recording began
            pack.address = 3

    played = watch(line, 7.2 * 10, step=10, hook=move)
    assert contains(labels(played), labels(real))
    for units in (real, played):
        moved = next(i for i, unit in enumerate(units) if unit.label == "A3L")
        last = max(i for i, unit in enumerate(units) if unit.label == "A1L")
        at = [int.from_bytes(units[i].data[246:250], "little") for i in (last, moved)]
        assert at[1] - at[0] == 72 + 8  # one cycle and two slots of 0.4 s, on the clock of the pack
        assert all(unit.data[270] == int(unit.label[1]) for unit in units if unit.label in ("A0S", "A1S", "A3S"))


# -- slots and cycles


@pytest.mark.parametrize(("firmware", "slot"), [("14.20", 400), ("15.30", 400), ("15.41", 220), ("19.27", 220)])
@pytest.mark.parametrize("slaves", [[], [1], [15], [1, 2, 3], [3, 7, 8, 15], list(range(1, 16))])
def test_slots_are_exact_and_so_are_cycles(firmware, slot, slaves):
    line = make_line(slaves, firmware="mixed", master=firmware)
    length = slot * (17 + len(slaves))
    units = watch(line, 3 * length / 1000)
    assert labels(units) == 3 * cycle(*slaves)
    # with no latency and no pace an answer comes with its request; everything else begins a slot
    beginnings = [unit.at for unit in units if unit.label[0] == "R" or unit.label[:2] == "A0"]
    assert beginnings == [slot * i for i in range(3 * (17 + len(slaves)))]
    assert [unit.at for unit in units if unit.label == "A0L"] == [length * (i + 1) - 2 * slot for i in range(3)]
    if slaves == [1, 2, 3] and slot == 220:
        assert length == 4400  # what a logic analyser showed on 15.41 with three slaves
    if slaves == [1] and slot == 400:
        assert length == 7200  # what SysRunTicks shows on 14.20 with one
    if slaves:
        mine = [unit for unit in units if unit.label in (f"R{slaves[0]}L", f"R{slaves[0]}S", f"A{slaves[0]}S")]
        assert [unit.label[0] for unit in mine[:3]] == ["R", "R", "A"]
        assert mine[1].at - mine[0].at == slot


def test_the_fast_slot_fits_what_the_logic_analyser_showed():
    line = make_line([1, 2, 3], master="15.41", paced=True, latency_ms=(10, 10))
    heard = [(ms, line.read(ms)) for ms in range(4400)]
    times = [ms for ms, data in heard if data]
    gaps = [b - a for a, b in zip(times, times[1:], strict=False) if b - a > 20]
    began, ended = [times[0]], []
    for before, after in zip(times, times[1:], strict=False):
        if after - before > 20:
            ended.append(before)
            began.append(after)
    active, silent = began[:6], began[6:18]
    assert all(abs(ended[i] - active[i] - 38) <= 2 for i in range(6))  # request to ack
    assert all(abs(gap - 180) <= 3 for gap in gaps[:6])  # ack to the next request
    assert ended[1] - active[0] in range(253, 264)  # about 260 ms for an active slave
    assert all(after - before in (219, 220, 221) for before, after in zip(silent, silent[1:], strict=False))
    assert began[18] - began[17] in (219, 220, 221)
    assert 4400 - began[18] in range(438, 443)  # own two frames
    assert line.collisions == 0


def test_any_slot_can_be_asked_for():
    line = Line([Master(Battery("14.20"), slot_ms=1000)])
    units = watch(line, 34, step=100)
    assert labels(units) == 2 * cycle()
    assert units[1].at == 1000


@pytest.mark.parametrize("paced", [True, False])
def test_a_paced_line_carries_the_same_units_and_nothing_collides(paced):
    line = make_line([1, 2, 15], firmware="mixed", master="15.41", paced=paced)
    data = b"".join(line.read(ms) for ms in range(0, 4400 * 4, 7))
    assert labels(split(data)) == 4 * cycle(1, 2, 15)
    assert line.collisions == 0
    assert line.master.asked == 4 * 18


@pytest.mark.parametrize("paced", [True, False])
@pytest.mark.parametrize("step", [1, 7, 333, 5000, 60_000, 3_600_000])
def test_the_step_of_the_clock_changes_nothing(step, paced):
    line = make_line([2, 9], master="14.20", paced=paced, latency_ms=(8, 8))
    span = 7600 * (2 if step <= 60_000 else 500) + 100
    heard = line.read(0)
    for ms in range(step, span, step):
        heard += line.read(ms)
    heard += line.read(span)
    whole = span // 7600 * cycle(2, 9)
    units = split(heard)
    assert labels(units)[: len(whole)] == whole
    assert line.master.cycles == span // 7600
    assert ticks(units, 0) == [76] * (span // 7600 - 1)
    assert set(ticks(units, 2)) == {76}


def test_the_clock_wraps_within_a_cycle():
    start = WRAP - 9000
    line = make_line([1, 2], master="15.30")
    units = watch(line, 7.6 * 3, start=start, step=10)
    assert labels(units) == 3 * cycle(1, 2)
    assert [unit.at for unit in units if unit.label == "R1L"] == [0, 7600, 15200]
    assert ticks(units, 0) == [76, 76]


# -- what it says


@pytest.mark.parametrize(("firmware", "slave_byte5"), [("14.20", 5), ("15.30", 5), ("15.41", 0), ("19.27", 0)])
def test_own_frames_are_a_packs_of_its_own(firmware, slave_byte5):
    line = make_line([1], firmware=firmware, master=firmware)
    span = 2 * 18 * line.master.slot_ms
    units = watch(line, span / 1000, step=5)
    fives = {unit.label: unit.data[5] for unit in units if unit.label[0] == "A"}
    assert fives == {"A0L": 0, "A0S": 0, "A1L": slave_byte5, "A1S": slave_byte5}
    own = [unit.data for unit in units if unit.label == "A0L"]
    assert len(own) == len(line.master.sent["live"]) == 2
    for data, said in zip(own, line.master.sent["live"], strict=True):
        assert int.from_bytes(data[150:154], "little") == said["pack_voltage"]
        assert int.from_bytes(data[246:250], "little") == said["system_ticks"]
        assert data[300:303] == b"\x00\x10\x16"
    other = line.slaves[1].sent["live"][0]
    assert other["total_runtime"] != line.master.sent["live"][0]["total_runtime"]
    assert line.slaves[0] is line.master
    truth = line.master.truth(span)
    assert truth["device_address"] == 0
    assert truth["uart2_protocol"] == {"19.27": 21}.get(firmware, 15)
    assert line.slaves[1].truth(span)["uart2_protocol"] == 1


def test_every_frame_can_be_booked_by_its_ack():
    slaves = list(range(1, 16))
    line = make_line(slaves, firmware="mixed", master="14.20", seed=3)
    units = watch(line, 12.8, step=20)
    for unit in units:
        if unit.label[0] == "A":
            pack = line.slaves[unit.data[300]]
            said = pack.sent["live" if unit.label[-1] == "L" else "settings"][0]
            if unit.label[-1] == "S":
                assert unit.data[270] == pack.address == said["device_address"]
            else:
                assert unit.data[270] == 0x80  # a live frame carries no address
                assert int.from_bytes(unit.data[194:198], "little") == said["total_runtime"]
    runtimes = {pack.sent["live"][0]["total_runtime"] for pack in line.stations}
    assert len(runtimes) == 16


def test_it_answers_nobody():
    line = make_line([1], master="14.20")
    line.read(0)
    for register in (LIVE, SETTINGS, ABOUT):
        line.write(trigger_request(0, register), 100)
        assert line.read(300) == b""
    assert line.master.heard == 0


def test_never_about_never_fc03_never_a_write():
    line = make_line([1, 4], master="19.27")
    heard = line.read(0) + line.read(60_000)
    asked = {unit.data for unit in split(heard) if unit.label[0] == "R"}
    assert asked == {trigger_request(a, LIVE) for a in range(1, 16)} | {trigger_request(a, SETTINGS) for a in (1, 4)}


# -- coming and going


def test_packs_come_and_go_and_the_next_round_knows():
    line = make_line([1, 2], master="14.20", firmware="14.20")
    third = Slave(9, Battery("14.20", seed=9))
    second = line.slaves[2]

    def hook(ms):
        if ms == 7600 + 400 * 4:
            line.add(third)
        if ms == 7600 + 400 * 6:
            line.remove(second)

    units = labels(watch(line, 7.6 + 8 + 7.6, step=10, hook=hook))
    assert units == cycle(1, 2) + cycle(1, 2, 9) + cycle(1, 9)
    assert line.collisions == 0


def test_no_settings_request_when_the_live_answer_was_not_heard():
    line = make_line([1, 2], master="14.20")
    line.fault("silence", 1, count=1)
    line.fault("no_ack", 2, count=1)
    heard = line.read(0) + line.read(1700)
    assert line.slaves[1].answered == 1
    assert line.slaves[2].answered == 1
    assert trigger_request(1, SETTINGS) not in heard
    assert trigger_request(2, SETTINGS) not in heard
    heard = line.read(6800 + 1700)
    assert trigger_request(1, SETTINGS) in heard
    assert trigger_request(2, SETTINGS) in heard


def test_faults_strike_its_own_frames():
    line = make_line([1], master="14.20")
    line.fault("silence", 0)
    units = labels(watch(line, 14.4, step=10))
    assert units == 2 * cycle(1)[:-2]


def test_switched_off_it_is_silent_and_switched_on_it_begins_anew():
    line = make_line([3], master="14.20")
    master = line.master
    line.read(0)
    line.read(2100)
    master.off(2100)
    assert line.read(60_000) == b""
    line.write(trigger_request(3, LIVE), 60_000)
    assert len(line.read(60_100)) == 308  # the slave is still there
    master.on(61_000, boot_ms=2500)
    assert line.read(63_499) == b""
    units = watch(line, 7.2, start=63_500, step=10)
    assert labels(units) == cycle(3)
    assert units[0].at == 0
    master.on(70_000)  # again: nothing changes
    master.off(70_700)
    master.off(70_700)
    master.on(70_800)
    assert labels(split(line.read(71_201)))[-2:] == ["R1L", "R2L"]


def test_fifty_times_off_and_on_leaves_one_loop():
    line = make_line([1], master="15.41")
    now = 0
    for turn in range(50):
        line.master.off(now)
        line.read(now + 13 * turn)
        line.master.on(now + 13 * turn)
        now += 13 * turn + 500
        line.read(now)
    line.master.off(now)
    line.master.on(now)
    assert labels(watch(line, 2 * 3.96, start=now, step=10)) == 2 * cycle(1)


def test_power_fails_in_the_middle_of_a_frame():
    line = make_line([], master="14.20", paced=True)
    begins = 15 * 400
    line.read(0)
    line.read(begins - 1)
    line.master.off(begins + 10)
    rest = line.read(begins + 5000)
    assert rest[:4] == b"\x55\xaa\xeb\x90"
    assert len(rest) == 115  # 10 ms at 115200 baud
    assert line.due_ms(begins + 5000) is None


def test_a_master_whose_dip_is_moved_becomes_a_slave_and_back():
    line = make_line([1], firmware="14.20", master="14.20")
    master = line.master

    def hook(ms):
        if ms == 7200:
            master.address = 5
        if ms == 20_000:
            line.write(trigger_request(5, SETTINGS), ms)
        if ms == 40_010:
            master.address = 0

    units = watch(line, 60, step=10, hook=hook)
    assert labels(u for u in units if u.at < 7200) == cycle(1)
    between = [u for u in units if 7200 <= u.at < 40_010]
    assert labels(between) == ["A5S"]
    assert (between[0].data[270], between[0].data[5]) == (5, 5)
    after = [u for u in units if u.at > 40_010]
    assert labels(after)[: len(cycle(1))] == cycle(1)
    assert after[0].at == 40_400  # on the beat it had
    assert next(u for u in after if u.label == "A0S").data[5] == 0


def test_unplugged_it_is_silent_plugged_in_it_leads():
    line = make_line([1])
    line.read(0)
    master = line.add(Master(Battery("14.20", seed=7)))
    assert line.master is master
    assert labels(watch(line, 7.2, step=10)) == cycle(1)
    line.remove(master)
    assert line.master is None
    assert line.read(20_000) == b""
    assert line.slaves.keys() == {1}


def test_switched_off_from_the_beginning():
    line = Line([Master(Battery("14.20"), powered=False)])
    assert line.read(0) == line.read(30_000) == b""
    line.master.on(30_000)
    assert labels(split(line.read(30_000))) == ["R1L"]
