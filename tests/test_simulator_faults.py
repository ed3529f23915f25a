"""Faults of the simulated line: what each does, when it strikes, and how the command line spells it."""

import pytest

from jkbridge.simulator import make_line, parse_fault
from jkbridge.simulator.make import parse_addresses
from jkbridge.simulator.modbus import trigger_request

LIVE, SETTINGS, ABOUT = 0x1620, 0x161E, 0x161C


def clean_and_struck(kind, **how):
    """(what a pack sends without, with the fault)."""
    units = []
    for faulty in (False, True):
        line = make_line([1], seed=5)
        if faulty:
            line.fault(kind, **how)
        line.write(trigger_request(1, LIVE), 0)
        units.append(line.read(0))
    return units


def test_what_each_fault_does_to_an_answer():
    clean, struck = clean_and_struck("drop", amount=3)
    assert len(struck) == 305
    clean, struck = clean_and_struck("corrupt", amount=2)
    assert sum((a ^ b).bit_count() for a, b in zip(clean, struck, strict=True)) == 2
    clean, struck = clean_and_struck("truncate", amount=50)
    assert struck == clean[:258]
    clean, struck = clean_and_struck("no_ack")
    assert struck == clean[:300]
    clean, struck = clean_and_struck("padding")
    assert struck == clean[:300] + b"\0" + clean[300:] + b"\0"
    clean, struck = clean_and_struck("noise", amount=7)
    assert len(struck) == 315
    assert struck[7:] == clean
    clean, struck = clean_and_struck("insert", amount=4)
    assert len(struck) == 312
    clean, struck = clean_and_struck("silence")
    assert struck == b""
    clean, struck = clean_and_struck("echo")
    assert struck == trigger_request(1, LIVE) + clean
    clean, struck = clean_and_struck("echo", amount=3)
    assert struck == trigger_request(1, LIVE)[-3:] + clean
    clean, struck = clean_and_struck("deaf")
    assert struck == b""
    clean, struck = clean_and_struck("drop", each=0.1)
    assert 250 < len(struck) < 300
    clean, struck = clean_and_struck("corrupt", each=0.1)
    assert 10 < sum(a != b for a, b in zip(clean, struck, strict=True)) < 60


def test_echo_comes_before_the_answer_also_on_a_paced_line():
    line = make_line([1], paced=True)
    line.fault("echo")
    line.write(trigger_request(1, LIVE), 0)
    early = line.read(2)
    assert early == trigger_request(1, LIVE)
    assert len(line.read(500)) == 308


def test_a_delayed_answer_comes_late():
    line = make_line([1])
    line.fault("delay", amount=800)
    line.write(trigger_request(1, LIVE), 0)
    assert line.read(799) == b""
    assert len(line.read(800)) == 308


def test_faults_by_time_by_pack_by_count_and_by_rate():
    line = make_line([1, 2])
    line.fault("silence", 2, start=10, stop=20)

    def answers(address, now):
        line.write(trigger_request(address, LIVE), now)
        return len(line.read(now)) == 308

    assert [answers(2, now) for now in (0, 9_999, 10_000, 19_999, 20_000)] == [True, True, False, False, True]
    assert answers(1, 20_100)
    fault = line.fault("silence", 1, count=2)
    assert [answers(1, 21_000 + now) for now in range(4)] == [False, False, True, True]
    assert fault.struck == 2
    fault = line.fault("silence", 1)
    assert not answers(1, 22_000)
    fault.cancel()
    assert answers(1, 22_001)
    fault = line.fault("silence", 1, rate=0.25)
    answered = sum(answers(1, 30_000 + now) for now in range(400))
    assert 260 < answered < 340
    assert fault.struck == 400 - answered


def test_the_same_seed_gives_the_same_bytes():
    def run(seed):
        line = make_line([1, 2, 3], firmware="mixed", paced=True, seed=seed)
        line.fault("drop", rate=0.3)
        line.fault("noise", rate=0.3)
        heard = b""
        for turn in range(20):
            line.write(trigger_request(1 + turn % 3, (LIVE, SETTINGS, ABOUT)[turn % 2]), 200 * turn)
            heard += line.read(200 * turn + 150)
        return heard

    assert run(7) == run(7)
    assert run(7) != run(8)


@pytest.mark.parametrize(("text", "part"), [
    ("dropp", "unknown"), ("drop=x", "number"), ("drop,rate=2", "0 to 1"), ("echo,pack=1", "whole line"),
    ("silence,foo=1", "'foo'"), ("delay,each=0.1", "byte by byte"), ("drop=-1", "negative"),
])
def test_a_fault_that_makes_no_sense_is_refused_in_words(text, part):
    with pytest.raises(ValueError, match=part):
        parse_fault(text)


def test_a_fault_from_the_command_line():
    assert parse_fault("silence,pack=2,after=30,until=90.5") == ("silence", 2, {"start": 30.0, "stop": 90.5})
    assert parse_fault("drop=3,rate=0.05,count=4") == ("drop", None, {"amount": 3, "rate": 0.05, "count": 4})


def test_addresses_from_words():
    assert parse_addresses("3") == [1, 2, 3]
    assert parse_addresses("1-4,7") == [1, 2, 3, 4, 7]
    assert parse_addresses("9,9") == [9, 9]  # two packs at one address: a fault one may want
    assert parse_addresses("16", lowest=0) == list(range(16))
    for text in ("0", "16", "1-16", "a", "", "4-2", "99999999999", "1-99999999999"):
        with pytest.raises(ValueError, match="packs"):
            parse_addresses(text)
    with pytest.raises(ValueError, match="the one at 0 is --master"):
        parse_addresses("0-3")
    with pytest.raises(ValueError, match="are 0 to 15; give"):
        parse_addresses("17", lowest=0)
