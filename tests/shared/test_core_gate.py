"""The plausibility gate: healthy frames pass, frames that contradict themselves do not, and what a habit is."""

import core_bytes as cb
import recordings
from core_bench import Bench, healthy

from jkcore import gate, texts

GOOD = gate.GOOD


def changed(*changes, frame=None):
    """A healthy frame (16 cells of 3300 mV, -5 A, 66 %) with (offset, value, size) changes, sum set anew."""
    frame = bytearray(frame or cb.live())
    for at, value, size in changes:
        cb.put(frame, at, value, size)
    return cb.seal(frame)


def test_recorded_frames_pass_but_for_the_four_that_are_spliced_by_hand():
    seen = 0
    for name, frame in cb.live_recordings():
        reason = gate.judge(frame)
        seen += 1
        if name in cb.SPLICED_BY_HAND:
            assert reason == gate.TEMPERATURE, name
        else:
            assert reason == GOOD, (name, texts.DOUBTS[reason])
    if not seen:
        raise recordings.SkipTest("no recorded live frame in the folder")


def test_frames_built_by_hand_pass():
    for cells in range(2, 33):
        for millivolt in (2000, 2500, 3300, 3650, 4200):
            for milliampere in (0, 150, -150, 5000, -68820, 200000, -300000):
                frame = cb.live(cells, millivolt, milliampere)
                assert gate.judge(frame) == GOOD, (cells, millivolt, milliampere)


def test_a_pack_without_cells_passes():
    assert gate.judge(cb.live(cells=0, milliampere=0)) == GOOD
    assert gate.judge(changed((150, 26000, 4), frame=cb.live(cells=0, milliampere=0))) == gate.CELLS


def test_absent_sensors_pass():
    places = (162, 164, 256, 258)
    assert gate.judge(changed(*[(at, -2000, 2) for at in places])) == GOOD
    assert gate.judge(changed((144, -2000, 2), (254, -2000, 2))) == GOOD


def test_what_recordings_show_as_normal_slack_passes():
    """Delta, extremes and power lag behind the cells; the average is rounded; 10 mV are cut off (section 5)."""
    voltage = sum([3300 + i % 3 for i in range(16)])
    for changes in (
        ((76, 0, 2),), ((76, 12, 2),), ((78, 5, 1),), ((79, 14, 1),), ((74, 3300, 2),), ((74, 3302, 2),),
        ((150, voltage + 60, 4), (234, (voltage + 60) // 10, 2)), ((234, voltage // 10 - 1, 2),),
        ((154, 0, 4),), ((154, voltage * 5 * 11 // 10, 4),), ((154, voltage * 5 * 9 // 10, 4),),
        ((174, 2800 * 66 + 1399, 4),), ((174, 2800 * 66 - 1400, 4),), ((173, 70, 1),), ((190, 91, 1),),
    ):  # fmt: skip
        assert gate.judge(changed(*changes)) == GOOD, changes


def test_values_no_battery_has():
    for changes in (
        ((150, 200001, 4),), ((150, 0x40000000, 4),), ((150, 0xFFFFFFFF, 4),),  # pack voltage
        ((173, 101, 1),), ((173, 255, 1),),  # state of charge
        ((6, 10000, 2),), ((36, 0xFFFF, 2),),  # a cell
        ((158, 1500000, 4), (154, 79218120, 4)), ((158, -0x80000000, 4),), ((158, 0x7FFFFFFF, 4),),  # current
        ((154, 300000001, 4),), ((154, 0xFFFFFFFF, 4),),
        ((178, 10000001, 4),), ((178, 0xFFFFFFFF, 4),), ((174, 0x7FFFFFFF, 4),), ((174, -0x80000000, 4),),
    ):  # fmt: skip
        assert gate.judge(changed(*changes)) == gate.IMPOSSIBLE, changes


def test_temperatures_no_sensor_measures():
    """Noise, or a probe that broke: the first is dropped, the second must not hide the pack (see below)."""
    for changes in (
        ((162, 1501, 2),), ((164, -601, 2),), ((256, -1999, 2),), ((258, -2001, 2),), ((162, 0x7FFF, 2),),
        ((144, 2000, 2), (254, 2000, 2)),
    ):  # fmt: skip
        assert gate.judge(changed(*changes)) == gate.SENSOR, changes


def test_contradictions():
    voltage = sum([3300 + i % 3 for i in range(16)])
    for reason, changes in (
        (gate.CELLS, ((150, voltage + 1000, 4), (234, (voltage + 1000) // 10, 2))),
        (gate.CELLS, ((6, 3000, 2),)),
        (gate.CELLS, ((38, 3300, 2),)),  # a voltage at a cell that is not in the mask
        (gate.CELLS, ((70, 0x7FFF, 4),)),  # a cell that lost its place in the mask
        (gate.AVERAGE, ((70, 0x1FFFF, 4),)),  # a cell too many, of 0 V
        (gate.AVERAGE, ((74, 3310, 2),)),
        (gate.AVERAGE, ((74, 0, 2),)),
        (gate.DELTA, ((76, 258, 2),)),
        (gate.DELTA, ((6, 3350, 2),)),
        (gate.EXTREMES, ((78, 32, 1),)),
        (gate.EXTREMES, ((78, 16, 1),)),  # a cell that is not there
        (gate.EXTREMES, ((79, 255, 1),)),
        (gate.VOLTAGE, ((234, voltage // 10 + 5, 2),)),
        (gate.VOLTAGE, ((234, 0, 2),)),
        (gate.TEMPERATURE, ((144, 520, 2),)),
        (gate.TEMPERATURE, ((254, 0, 2),)),
        (gate.CHARGE, ((173, 30, 1),)),
        (gate.CHARGE, ((174, 280000, 4),)),
        (gate.CHARGE, ((178, 560000, 4),)),
        (gate.POWER, ((158, -70000, 4),)),
        (gate.POWER, ((154, 5000000, 4),)),
        (gate.STATE, ((190, 101, 1),)),
        (gate.STATE, ((198, 2, 1),)),
        (gate.STATE, ((199, 255, 1),)),
        (gate.STATE, ((172, 3, 1),)),
        (gate.STATE, ((280, 3, 1),)),
        (gate.STATE, ((191, 2, 1),)),
        (gate.STATE, ((215, 7, 1),)),
        (gate.STATE, ((239, 2, 1),)),
    ):
        found = gate.judge(changed(*changes))
        assert found == reason, (changes, texts.DOUBTS[found], texts.DOUBTS[reason])


def test_all_zeros_and_all_ones_are_judged():
    for byte in (0, 1, 0x55, 0x7F, 0x80, 0xAA, 0xFF):
        frame = bytearray(bytes([byte]) * 300)
        frame[0:4] = cb.MAGIC
        frame[4] = cb.LIVE
        reason = gate.judge(cb.seal(frame))
        assert (reason == GOOD) == (byte == 0), byte


def test_every_reason_has_a_sentence():
    assert len(texts.DOUBTS) == max(gate.STATE, gate.SENSOR) + 1


# A habit: a pack that contradicts itself in the same way three times in a row


class Moody:
    """A pack that answers live requests with frames out of a list, then healthy ones."""

    def __init__(self, *frames):
        self.frames = list(frames)
        self.sent = 0

    def __call__(self, address, kind):
        if kind != cb.LIVE:
            return healthy(address, kind)
        self.sent += 1
        return cb.unit(self.frames.pop(0) if self.frames else cb.live(tag=self.sent), address)


def published(bench):
    return len(bench.of("jkbms/1/live"))


def test_one_doubtful_frame_is_dropped_counted_and_asked_again():
    bench = Bench([1], Moody(cb.live(), changed((254, 0, 2))))
    bench.run(2500)
    before = published(bench)
    bench.run(5250)  # the doubtful one comes in this time; what was told is not told again yet
    assert bench.bridge.packs[0].counts[8] == 1  # implausible
    asked = [r[0] for r in bench.requests if r[2] == cb.LIVE]
    assert asked[2] - asked[1] < 1000, "not asked again at once"
    assert published(bench) == before + 1
    for payload in bench.of("jkbms/1/live"):
        assert '"mos_temperature":26.4' in payload


def test_the_same_contradiction_three_times_is_a_habit():
    odd = changed((254, 0, 2), (194, 4242, 4))
    bench = Bench([1], Moody(cb.live(), odd, odd, odd, odd)).run(40000)
    taken = [p for p in bench.of("jkbms/1/live") if '"total_runtime":4242' in p]
    assert len(taken) == 2, len(taken)  # the third and the fourth
    assert len([w for w in bench.warnings() if "contradicts itself" in w and "pack 1" in w]) == 1
    assert bench.bridge.packs[0].counts[8] == 2


def test_a_habit_is_given_up_by_one_good_frame():
    odd = changed((254, 0, 2), (194, 4242, 4))
    bench = Bench([1], Moody(odd, odd, cb.live(), odd, odd, cb.live())).run(40000)
    assert [p for p in bench.of("jkbms/1/live") if '"total_runtime":4242' in p] == []


def test_different_contradictions_are_no_habit():
    frames = []
    for at in (254, 234, 254, 234, 254, 234):
        frames.append(changed((at, 0, 2), (194, 4242, 4)))
    bench = Bench([1], Moody(*frames)).run(150000)
    assert [p for p in bench.of("jkbms/1/live") if '"total_runtime":4242' in p] == []
    assert bench.of("jkbms/1/live"), "and then healthy ones"


def test_a_probe_that_broke_does_not_hide_the_pack_and_shows_no_value():
    """It says 326.8 degC for ever: the other values are published after three frames, this one is null."""
    odd = changed((162, 3268, 2))
    bench = Bench([1], Moody(*[odd] * 200)).run(60000)
    told = bench.of("jkbms/1/live")
    assert len(told) >= 5
    for payload in told:
        assert '"temperature_1":null' in payload and '"temperature_2":-1.2' in payload, payload
        assert "326.8" not in payload
    assert len([w for w in bench.warnings() if "contradicts itself" in w or "temperature" in w]) == 1


def test_impossible_values_are_never_taken():
    odd = changed((173, 101, 1))
    bench = Bench([1], Moody(*[odd] * 30)).run(120000)
    assert bench.of("jkbms/1/live") == []
    assert bench.of("jkbms/1/availability") in ([], ["offline"] * len(bench.of("jkbms/1/availability")))
    assert bench.bridge.packs[0].counts[8] >= 5
