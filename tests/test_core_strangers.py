"""Somebody else on the line, echoes, padding, noise, and answers that come late."""

from __future__ import annotations

import core_bytes as cb
import pytest
from core_house import House, gaps, good_live, say

# Strangers on the line


STRANGERS = {
    "request": cb.request(4, cb.LIVE),
    "frame": cb.unit(cb.live(), 4),
    "random": bytes(range(97, 117)),
    "fc03": cb.sealed(bytes.fromhex("040312a00002")),
}


# How long the line has to be silent afterwards, ms: a master is given way for 5 to 15 s more.
SILENCE = {"request": (7000, 17_000), "fc03": (7000, 17_000), "frame": (2000, 2000), "random": (2000, 2000)}


def resumed(house: House, start: int, what: str) -> None:
    """The first request behind a stranger at `start` is not too early and not too late."""
    low, high = SILENCE[what]
    first = next(r.at for r in house.requests if r.at > start + 40)
    assert start + low <= first <= start + high + 150


@pytest.mark.parametrize("role", ["auto", "poll"])
@pytest.mark.parametrize("what", sorted(STRANGERS))
def test_a_stranger_before_the_first_request(what, role):
    house = House([1, 2], role=role)
    house.run(1.5)
    start = house.elapsed
    house.line.inject(STRANGERS[what], house.now)
    house.run(20, step=1)
    resumed(house, start, what)


@pytest.mark.parametrize("role", ["auto", "poll"])
@pytest.mark.parametrize("what", sorted(STRANGERS))
def test_a_stranger_later_on(what, role):
    house = House([1, 2], role=role)
    house.run(60)
    # At a moment when nothing is awaited.
    house.run(5, until=lambda: house.elapsed - house.fed[-1][0] > 300)
    start = house.elapsed
    house.line.inject(STRANGERS[what], house.now)
    house.run(20, step=1)
    resumed(house, start, what)
    assert house.bus.poller.foreign == 1
    assert house.bus.poller.crossed == 0
    # Bytes at first, and what they were as soon as that is known.
    if role == "poll" or what == "random":
        assert 1 <= len(say(house, 30, "not sending")) <= 2
    elif what != "frame":
        assert len(say(house, 20, "another master asks")) == 1
        assert len(say(house, 20, "fallen silent")) == 1


@pytest.mark.parametrize("role", ["auto", "poll"])
@pytest.mark.parametrize("what", ["request", "frame", "fc03"])
def test_a_stranger_while_an_answer_is_awaited(what, role):
    house = House([1], [1, 2], role=role)  # pack 2 is silent: half a second of waiting
    house.run(15)
    house.run(40, until=lambda: house.requests[-1].address == 2 and house.elapsed > house.requests[-1].at + 50)
    start = house.elapsed
    house.line.inject(STRANGERS[what], house.now)
    house.run(20, step=1)
    low, high = SILENCE[what]
    after = [r.at for r in house.requests if r.at > start]
    assert start + low <= after[0] <= start + high + 200
    assert house.bus.poller.crossed == 1, "a request of ours was under way"
    if role == "poll":
        assert say(house, 30, "not sending")


def test_a_line_that_never_falls_silent_is_never_sent_on():
    house = House([1, 2], role="poll")
    for _ in range(60):
        house.line.inject(STRANGERS["request"], house.now)
        house.run(0.5)
    assert house.requests == []
    assert house.messages[-1].topic != "jkbms/1/live"
    assert 1 <= len(say(house, 30, "not sending")) <= 2, "said, but not at every request"
    assert "listening" in [h["bus"][0]["state"] for h in house.payloads("jkbms/bridge/health")][-1:]


def test_another_master_is_told_once_a_minute_at_most():
    house = House([1], role="poll")
    house.run(10)
    for _ in range(15):
        house.line.inject(cb.request(9, cb.LIVE), house.now)
        house.run(20.1)
    said = [s.at for s in house.said if "not sending" in s.text]
    assert len(said) >= 3
    assert min(gaps(said)) >= 60_000


def test_after_a_stranger_everything_goes_on():
    house = House([1, 2])
    house.run(60)
    house.line.inject(STRANGERS["frame"], house.now)
    house.run(60)
    for address in (1, 2):
        assert len(good_live(house, address, 60_000)) >= 10
        assert "offline" not in [m.payload for m in house.of(f"jkbms/{address}/availability") if m.at > 5000]


def test_half_a_frame_of_a_stranger_is_given_up_after_silence():
    """Nobody waits for it: a second without a byte and it is counted, and the next frame is found."""
    house = House([1])
    house.run(60)
    house.line.inject(cb.unit(cb.live(), 4)[:200], house.now)
    house.run(1.5)
    assert house.bus.rejects[1] == 1  # cut short
    assert house.bus.rejects[0] + sum(house.bus.rejects[2:]) == 0
    house.run(30)
    assert len(good_live(house, 1, 63_000)) >= 5


def test_a_glitch_of_a_byte_or_two_is_no_stranger():
    house = House([1, 2])
    house.run(30)
    for glitch in (b"\x00", b"\xff", b"\xff\x00"):
        house.run(5, until=lambda: house.elapsed - house.fed[-1][0] > 300)
        house.line.inject(glitch, house.now)
        house.run(10)
    assert house.bus.poller.foreign == 0
    assert house.warnings() == []


# Echo, padding, noise, delay


@pytest.mark.parametrize("amount", range(1, 12))
def test_an_echo_of_any_length_is_no_stranger(amount):
    house = House([1, 2])
    house.line.fault("echo", amount=amount)
    house.run(60)
    assert house.bus.poller.foreign == 0
    assert house.warnings() == []
    assert len(house.of("jkbms/2/live")) >= 11
    assert max(gaps(house.asked(1))) < 5700
    if amount == 11:
        assert house.bus.poller.echoes == len(house.requests)


def test_an_echo_of_an_unanswered_request_is_no_stranger():
    house = House([1], [1, 2])
    house.line.fault("echo")
    house.run(120)
    assert house.bus.poller.foreign == 0
    assert len(house.of("jkbms/1/live")) >= 22


def test_an_echo_that_is_read_late_is_no_stranger():
    """The loop was busy for 150 ms: echo and answer are read together."""
    house = House([1, 2])
    house.line.fault("echo")
    house.run(20)
    house.deaf_ms = 150
    house.run(60)
    assert house.bus.poller.foreign == 0
    assert house.warnings() == []


@pytest.mark.parametrize("kind", ["padding", "noise"])
def test_padding_and_noise_are_tolerated(kind):
    house = House([1, 2])
    house.line.fault(kind)
    house.run(120)
    for address in (1, 2):
        assert max(gaps([m.at for m in house.of(f"jkbms/{address}/live")][1:])) < 5700
    assert house.warnings() == []
    assert house.bus.poller.foreign == 0


@pytest.mark.parametrize("delay", [300, 450])
def test_slow_answers_within_the_time_out(delay):
    house = House([1, 2])
    house.line.fault("delay", 1, amount=delay)
    house.run(120)
    assert house.packs[1].counts[3] == 0
    assert len(house.of("jkbms/1/live")) >= 22
    assert house.warnings() == []


@pytest.mark.parametrize("delay", [520, 600, 900, 1200, 2000])
def test_answers_that_come_after_the_time_out(delay):
    """They are booked to their pack, the patience grows, nobody is called a stranger or a double."""
    house = House([1, 2])
    house.run(20)
    house.line.fault("delay", 1, amount=delay)
    house.run(180)
    assert say(house, 30, "not sending") == []
    if delay < 1000:  # later ones meet the answers of the other pack on the wire: both are damaged
        assert say(house, 30, "two packs") == []
    assert house.bus.poller.foreign == 0
    assert max(gaps([m.at for m in good_live(house, 2, 20_000)])) < 12_000, "the other pack is not disturbed"
    assert house.packs[1].counts[10] > 0 or house.bus.poller.patience > 0, "neither counted as late nor waited for"
    assert len(good_live(house, 1, 60_000)) >= 8, "and late values are values"


def test_one_late_answer_now_and_then():
    house = House([1, 2])
    house.line.fault("delay", amount=700, rate=0.1)
    house.run(300)
    for address in (1, 2):
        assert len(house.of(f"jkbms/{address}/live")) >= 50
        assert "offline" not in [m.payload for m in house.of(f"jkbms/{address}/availability") if m.at > 5000]
    assert say(house, 30, "two packs") == []
    assert house.bus.poller.foreign == 0
