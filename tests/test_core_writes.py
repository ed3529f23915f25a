"""Writes under chance (hypothesis): numbers against decimal.Decimal, every value of every row through the bytes and
back, groups, payloads, and faults. What is told must be the battery's truth."""

from __future__ import annotations

from decimal import Decimal

import core_bytes as cb
import core_writes as cw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jkcore.fields import codes, table
from jkcore.writes import actions, bounds, command, decimals, encode, limits, lock, plan, texts
from jkcore.writes.command import Command
from jkcore.writes.reading import Reading
from jkcore.writes.refusal import CommandError

LIMITS = limits.every()
NAMES = [table.name(limit.row) for limit in LIMITS]


def as_text(value: int, places: int) -> str:
    return str(Decimal(value).scaleb(-places))


# Numbers


@given(st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-9999, max_value=9999),
       st.sampled_from([0, 1, 3]), st.sampled_from([1, 10, 1000]))  # fmt: skip
def test_numbers_are_what_decimal_makes_of_them(number, places, step):
    wanted = number.scaleb(places) / step
    nearest = wanted.to_integral_value(rounding="ROUND_HALF_EVEN")
    try:
        got = decimals.scaled(f"{number:f}", places, step, "x")
    except CommandError as why:
        assert why.code == texts.OFF_GRID  # noqa: PT017
        assert abs(wanted - nearest) > Decimal("0.01")
    else:
        assert abs(wanted - nearest) <= Decimal("0.01")
        assert got == int(nearest) * step


@given(st.text(max_size=30))
def test_any_text_is_a_plain_decimal_or_refused(text):
    try:
        value = decimals.scaled(text, 3, 1, "x")
    except CommandError:
        return
    assert set(text) <= set("-.0123456789")
    assert abs(Decimal(text) * 1000 - value) <= Decimal("0.01")


@given(st.integers(-(2**30) + 1, 2**30 - 1), st.sampled_from([0, 1, 3]))
def test_text_for_people_is_the_number(value, places):
    assert Decimal(decimals.plain(value, places)).scaleb(places) == value


@settings(max_examples=300)
@given(st.binary(max_size=512), st.sampled_from(["", "charge_switch", "cell_overvoltage_protection", "set_clock", "x"]))
def test_any_payload_is_a_command_or_refused(payload, field):
    one = Command(b"1", field)
    try:
        one.read(payload, lock.ALL)
    except CommandError as why:
        assert texts.sentence(why.code, why.values)  # noqa: PT017
    else:
        assert len(one.rows) == len(one.asked) == len(one.names) == len(one.given)


# Bytes


@settings(max_examples=400)
@given(st.data())
def test_every_value_of_every_row_survives_the_way_through_the_bytes(data):
    """Text -> number -> request -> battery -> settings frame -> number."""
    limit = data.draw(st.sampled_from(LIMITS))
    value = data.draw(st.integers(limit.low // limit.step, limit.high // limit.step)) * limit.step
    places = table.at(limit.row).decimals
    word = data.draw(st.integers(0, 0xFFFF))
    battery = cw.Battery()
    cb.put(battery.frames[cb.SETTINGS], 282, word, 2)
    before = Reading(cw.pack(), [])
    for kind in battery.frames:
        before.keep(battery.frames[kind], kind)
    assert command.value_of(limit, as_text(value, places)) == value
    tx = bytearray(16)
    length = encode.put_write(tx, 1, [limit.row], [value], before)
    battery.write(tx[:length])
    after = Reading(cw.pack(), [])
    for kind in battery.frames:
        after.keep(battery.frames[kind], kind)
    assert after.scaled(limit.row) == value
    for other in LIMITS:
        if other.row != limit.row:
            assert after.scaled(other.row) == before.scaled(other.row), "and nothing else changes"


@settings(max_examples=300)
@given(st.data())
def test_a_value_outside_or_off_the_grid_is_refused(data):
    limit = data.draw(st.sampled_from([limit for limit in LIMITS if table.at(limit.row).show != codes.SWITCH]))
    places = table.at(limit.row).decimals
    bad = data.draw(
        st.one_of(
            st.integers(-(10**9), limit.low - limit.step).map(lambda v: as_text(v, places)),
            st.integers(limit.high + limit.step, 10**9).map(lambda v: as_text(v, places)),
            st.integers(limit.low // limit.step, limit.high // limit.step - 1).map(
                lambda v: as_text((10 * v + 5) * limit.step, places + 1)
            ),
        )
    )
    house = cw.House()
    said = house.run(bad.encode() + b" CONFIRM 1", table.name(limit.row))
    assert said["status"] == "refused"
    assert house.battery.written == []


# Commands

values_of = {name: st.integers(limit.low, limit.high) for name, limit in zip(NAMES, LIMITS, strict=True)}
near = {  # most of the range of a cell voltage is refused by the chemistry: look where something happens
    name: st.integers(2450, 3700) for name, limit in zip(NAMES, LIMITS, strict=True)
    if limit.bound == codes.CELL_VOLTAGE
}  # fmt: skip


@st.composite
def groups(draw):
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=8, unique=True))
    members = []
    for name in names:
        value = draw(near.get(name, values_of[name]))
        members.append(f'"{name}":{as_text(value, table.at(limits.find(name)).decimals)}')
    if draw(st.booleans()):
        members.append('"confirm":"CONFIRM 1"')
    return ("{" + ",".join(members) + "}").encode()


def truth(house) -> Reading:
    after = Reading(cw.pack(), [])
    for kind in house.battery.frames:
        after.keep(house.battery.frames[kind], kind)
    return after


def check_against_truth(house, said) -> None:
    """What the result tells is what the battery holds; what was refused as a whole sent nothing."""
    after = truth(house)
    for entry in said["fields"]:
        r = limits.find(entry["field"])
        if entry["status"] == "ok":
            assert limits.told(r, after.scaled(r)) == limits.told(r, house.command.asked[house.command.rows.index(r)])
        if entry["status"] in ("refused", "not_sent"):
            assert after.scaled(r) == truth(cw.House()).scaled(r)
        assert said["reason"] or entry["status"] == "ok"
    if all(entry["status"] in ("refused", "not_sent") for entry in said["fields"]):
        assert house.battery.written == []


@settings(max_examples=400, deadline=None)
@given(groups(), st.sampled_from([lock.OFF, lock.SAFE, lock.ALL]), st.sampled_from(["lfp", "li-ion", "lto", None]))
def test_a_group_is_done_or_sends_nothing(payload, level, chemistry):
    house = cw.House(chemistry=chemistry, level=level)
    if len(payload) > 512:
        return
    said = house.run(payload)
    assert said["status"] in ("ok", "refused")
    check_against_truth(house, said)
    if said["status"] == "ok":
        chain_is_legal(house)


def chain_is_legal(house) -> None:
    after = truth(house)
    for limit in limits.rules():
        if limit.by < 0 and limit.row in house.command.rows:
            assert after.scaled(limit.row) <= after.scaled(limit.below)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_happens_on_the_line_the_result_is_true(data):
    """Silence, lost acks, exceptions, ignored writes, bent values and damaged frames, in any order."""
    house = cw.House()
    battery = house.battery
    start = Reading(cw.pack(), [])
    start.keep(battery.frames[cb.SETTINGS], cb.SETTINGS)
    faults = data.draw(st.lists(st.sampled_from(
        ["silent", "no_ack", "exception", "deaf", "bend", "damage", "fine", "fine", "fine", "late", "other"]),
        min_size=1, max_size=40))  # fmt: skip
    turn = iter(faults)
    old = bytes(battery.frames[cb.SETTINGS])
    plain_answer = battery.answer

    def happen(house):
        fault = next(turn, "fine")
        battery.silent = fault == "silent"
        battery.no_ack = fault == "no_ack"
        battery.exception = 3 if fault == "exception" else 0
        battery.deaf = fault == "deaf"
        battery.bend = 7 if fault == "bend" else 0
        battery.answer = damaged if fault == "damage" else plain_answer
        if fault == "late" and house.now < 6000:  # an answer to a question of before the write
            house.transaction.heard_frame(cb.SETTINGS, bytearray(old), house.now)
        elif fault == "other":
            house.transaction.heard_ack(0x1010, 2, house.now)

    def damaged(kind):
        frame = plain_answer(kind)
        if frame is not None:
            frame[data.draw(st.integers(6, 298))] ^= 1 << data.draw(st.integers(0, 7))
            cb.seal(frame)
        return frame

    house.hook = happen
    said = house.run(b'{"cell_overvoltage_protection":3.64,"charge_overcurrent_delay":20}')
    after = truth(house)
    for entry in said["fields"]:
        r = limits.find(entry["field"])
        told, held = entry["value"], after.scaled(r)
        if told is not None:
            assert Decimal(str(told)).scaleb(table.at(r).decimals) == held, (entry, held)
        if entry["status"] in ("refused", "not_sent"):
            assert held == start.scaled(r)
        assert (entry["status"] == "ok") <= (told is not None)
    assert len(battery.written) <= 2, "nothing is sent twice"


@given(st.integers(-10, 2**15))
def test_no_number_but_a_row_with_a_tier_or_an_action_has_a_register(r):
    known = {limit.row for limit in LIMITS} | {actions.find(name) for name in actions.names()}
    if r in known:
        assert encode.register_of(r) not in cw.FORBIDDEN
    else:
        with pytest.raises((ValueError, IndexError)):
            encode.register_of(r)


# Order


@settings(max_examples=300)
@given(st.data())
def test_where_both_ends_are_legal_there_is_an_order(data):
    """From any legal chain to any other, any part of it at a time."""
    from test_writes_rules import CHAIN

    chain = st.lists(st.integers(2500, 3650), min_size=8, max_size=8, unique=True).map(sorted)
    start = dict(zip(CHAIN, data.draw(chain), strict=True))
    goal = start | dict(zip(CHAIN, data.draw(chain), strict=True))
    asked = data.draw(st.lists(st.sampled_from(CHAIN), min_size=1, unique=True))
    final = start | {name: goal[name] for name in asked}
    one = Reading(cw.pack(), [])
    frame = cw.settings()
    for name in CHAIN:
        cb.put(frame, table.at(limits.find(name)).offset, start[name], 4)
    cb.put(frame, 42, 1800, 4)
    one.keep(cb.seal(frame), cb.SETTINGS)
    order = Command(b"1", "")
    order.rows = [limits.find(name) for name in asked]
    order.asked = [goal[name] for name in asked]
    order.names = asked
    order.confirmed = True
    values = [final[name] for name in CHAIN]
    if all(a < b for a, b in zip(values, values[1:], strict=False)):
        state = dict(start)
        for step in plan.make(order, one, cw.pack(), lock.ALL, "lfp"):
            for r, value in step.expected:
                state[table.name(r)] = value
            held = [state[name] for name in CHAIN]
            assert all(a < b for a, b in zip(held, held[1:], strict=False))
        assert state == final
    else:
        with pytest.raises(CommandError):
            plan.make(order, one, cw.pack(), lock.ALL, "lfp")


def test_chemistries_of_the_configuration():
    assert bounds.CHEMISTRIES == ("lfp", "li-ion", "lto")
