"""The master's rhythm on the line: when it asks whom, and what silent packs cost.

A whole bridge on a simulated line at 115200 baud, with a clock of its own (core_house.py).
"""

from __future__ import annotations

import itertools

import core_bytes as cb
import pytest
from core_bench import Bench, healthy
from core_house import House, gaps, good_live

# Rhythm


def test_the_line_is_listened_to_before_the_first_request():
    house = House([1, 2])
    house.run(10, step=1)
    assert house.requests[0].at == 2000


def test_each_pack_is_asked_for_everything_then_for_live_values_at_its_interval():
    house = House([3, 7, 12], interval=5)
    house.run(300)
    for address in (3, 7, 12):
        assert set(gaps(house.asked(address)[2:])) <= set(range(4900, 5400))
        assert len(house.asked(address)) >= 59
        settings = house.asked(address, "settings")
        # Twice at first, because two readings must agree, then once a minute; about every 15 minutes.
        assert settings[1] - settings[0] < 3000
        assert all(55_000 < gap < 66_000 for gap in gaps(settings[1:]))
        assert len(house.asked(address, "about")) == 2
    assert {r.address for r in house.requests} == {3, 7, 12}


def test_about_is_asked_for_again_after_a_quarter_of_an_hour():
    house = House([1], interval=30)
    house.run(2000)
    about = house.asked(1, "about")
    assert len(about) == 4
    assert 890_000 < about[2] - about[1] < 940_000


@pytest.mark.parametrize("interval", [1, 2, 10, 60])
def test_the_interval_is_kept_without_drift(interval):
    house = House([1, 2], interval=interval)
    house.run(30 * interval)
    asked = house.asked(1)
    assert abs((asked[-1] - asked[1]) / (len(asked) - 2) - 1000 * interval) < 60


def test_delays_of_the_loop_do_not_add_up():
    """Every question comes up to a step late; the hundredth is not a hundred steps late."""
    bench = Bench([1, 2], interval=2)
    bench.step = 27
    bench.run(400_000)
    for address in (1, 2):
        asked = [at for at, who, kind in bench.requests if who == address and kind == cb.LIVE][2:]
        assert len(asked) > 190
        assert all(abs(at - asked[0] - 2000 * n) < 300 for n, at in enumerate(asked))


def test_a_line_that_cannot_keep_the_pace_is_shared_equally():
    bench = Bench(list(range(1, 16)), interval=1)
    bench.run(200_000)
    counts = [len([1 for _, who, kind in bench.requests if who == n and kind == cb.LIVE]) for n in range(1, 16)]
    assert min(counts) > 60
    assert max(counts) - min(counts) <= 3


def exchanges(house: House) -> list[tuple[int, int, int]]:
    """(request, last byte of its answer, next request) for every answered request."""
    found = []
    for one, following in itertools.pairwise(house.requests):
        heard = [at for at, _ in house.fed if one.at <= at <= following.at]
        if heard:
            found.append((one.at, heard[-1], following.at))
    return found


@pytest.mark.parametrize("interval", [0, 1])
def test_100_ms_lie_between_an_answer_and_the_next_request(interval):
    house = House([1, 2, 3], interval=interval)
    house.run(30, step=1)
    pauses = [following - end for _, end, following in exchanges(house)]
    assert len(pauses) > 40
    assert min(pauses) >= 100


def test_the_gap_lies_also_behind_noise_and_padding():
    house = House([1, 2], interval=0, latency_ms=(5, 30))
    house.line.fault("padding", 1)
    house.line.fault("noise", 2)
    house.run(30, step=1)
    pauses = [following - end for _, end, following in exchanges(house)]
    assert len(pauses) > 100
    assert min(pauses) >= 99  # a 00 behind the ack is on the wire 0.09 ms longer


def test_the_gap_adapts_upward_only_and_has_an_end():
    house = House([1], interval=1)
    house.line.fault("corrupt", rate=0.5, amount=5)
    seen = []
    house.run(400, until=lambda: seen.append(house.bus.poller.gap) or False)
    assert seen[0] == 100
    assert seen == sorted(seen)
    assert 100 < seen[-1] <= 400
    house.line.faults.clear()
    house.run(30, until=lambda: seen.append(house.bus.poller.gap) or False)
    assert seen == sorted(seen)


def test_the_core_rests_as_long_as_it_may():
    """Turning the loop only when the core or the line asks for it gives the same requests as turning every ms."""
    runs = []
    for step in (0, 1):
        house = House([1, 2], [1, 2, 3], interval=2)
        house.run(60, step=step)
        runs.append([(r.address, r.kind) for r in house.requests])
        assert max(gaps(house.asked(1))) < 2700
    assert runs[0] == runs[1]


def test_requests_are_those_of_the_protocol():
    bench = Bench([1, 15], interval=1)  # checks the bytes of every request
    bench.run(20000)
    assert {(r[1], r[2]) for r in bench.requests} == {(a, k) for a in (1, 15) for k in (1, 2, 3)}


# Silence


def test_a_silent_pack_is_asked_once_more_at_once_and_then_seldom():
    house = House([1], interval=5)
    house.run(30)
    house.line.fault("silence")
    last = house.asked(1)[-1]
    house.run(200, step=1)
    times = [at for at in house.asked(1) if at > last]
    waits = gaps(times)
    assert 580 <= waits[0] <= 640, "one retry, after 0.5 s and the gap"
    assert all(wait >= 4500 for wait in waits[1:])
    assert max(waits) <= 30_000
    assert house.packs[1].counts[2] == 1  # retries


def test_time_outs_are_half_a_second_for_live_and_one_for_the_rest():
    times: dict[str, list[int]] = {"live": [], "settings": []}
    house = House([1], interval=5)
    house.run(30)
    house.line.fault("silence")
    house.run(100, step=1)
    for one, following in itertools.pairwise(house.requests):
        if one.at > 31_000 and following.kind == one.kind and following.at - one.at < 2000:
            times[one.kind].append(following.at - one.at)
    assert all(600 <= wait <= 640 for wait in times["live"])
    assert times["live"]

    def no_settings(address: int, kind: int) -> bytes:
        return b"" if kind == cb.SETTINGS else healthy(address, kind)

    bench = Bench([1], no_settings, interval=1)
    bench.step = 2
    bench.run(30000)
    asked = [r for r in bench.requests if r[2] == cb.SETTINGS]
    retries = [b[0] - a[0] for a, b in itertools.pairwise(asked) if b[0] - a[0] < 3000]
    assert retries
    assert all(1100 <= wait <= 1150 for wait in retries)
    # And live values come all the same.
    assert len(bench.of("jkbms/1/live")) >= 20


def waiting_share(house: House, address: int, start: int, end: int) -> float:
    """Share of a span of time that questions to a silent pack took: until the next request could go out."""
    spent = 0
    for one, following in itertools.pairwise(house.requests):
        if one.address == address and start <= one.at < end:
            spent += min(following.at - one.at, 600)
    return spent / (end - start)


@pytest.mark.parametrize("interval", [0, 5])
def test_a_silent_pack_costs_little_of_the_bus(interval):
    house = House([1, 2], interval=interval)
    house.run(60)
    house.line.fault("silence", 2)
    start = house.elapsed
    house.run(300)
    assert waiting_share(house, 2, start, start + 60_000) <= 0.10
    assert waiting_share(house, 2, start + 60_000, start + 300_000) <= 0.03
    times = [at for at in house.asked(2) if at > start + 60_000]
    assert max(gaps(times)) <= 30_000


@pytest.mark.parametrize("interval", [0, 1, 5])
def test_fourteen_silent_packs_of_fifteen_do_not_disturb_the_living_one(interval):
    house = House([6], range(1, 16), interval=interval)
    house.run(400)
    times = [at for at in house.asked(6) if at > 10_000]
    # One exchange with a silent pack, at worst one with a long time-out, may be under way when the living one is due.
    assert max(gaps(times)) <= max(1000 * interval, 138) + 1700
    mean = (times[-1] - times[0]) / (len(times) - 1)
    assert mean <= max(1000 * interval, 138) + 400
    for address in set(range(1, 16)) - {6}:
        asked = [at for at in house.asked(address) if at > 90_000]
        assert max(gaps(asked)) <= 30_000, address
        assert waiting_share(house, address, 90_000, 390_000) <= 0.03


def test_a_pack_that_comes_back_is_found_by_itself():
    house = House([1, 2])
    fault = house.line.fault("silence", 2)
    house.run(120)
    assert house.of("jkbms/2/live") == []
    fault.cancel()
    start = house.elapsed
    house.run(31, until=lambda: bool(house.of("jkbms/2/live")))
    assert house.of("jkbms/2/live")
    house.run(60)
    assert len(good_live(house, 2, start)) >= 11
    assert [m.payload for m in house.of("jkbms/2/availability")][-1] == "online"


def test_a_gateway_is_given_more_time():
    """A TCP gateway adds its own delay: an answer after 800 ms is in time there."""
    house = House([1], port="socket://127.0.0.1:7000", latency_ms=(750, 750))
    house.run(60)
    assert len(house.of("jkbms/1/live")) >= 10
    assert house.packs[1].counts[3] == 0


def test_answers_in_pieces_and_a_slow_loop_change_nothing():
    """The loop reads every 150 ms only (a broker that stalls, a slow board)."""
    house = House([1, 2])
    house.run(10)
    house.deaf_ms = 150
    house.run(120)
    for address in (1, 2):
        assert max(gaps([m.at for m in good_live(house, address, 5000)])) < 5700
    assert house.warnings() == []
