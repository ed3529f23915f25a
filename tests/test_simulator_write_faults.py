"""What can go wrong with a write to a simulated pack, and the sorts of answers faults can be aimed at."""

import pytest
from simulator_writes import ABOUT, LIVE, SETTINGS, ask, request, write

from jkbridge.simulator import WRITE_FAULTS, Fault, make_line, parse_fault
from jkbridge.simulator.modbus import read_request

BALANCE = 0x1078
ON, OFF = b"\0\0\0\1", b"\0\0\0\0"
ACK = bytes.fromhex("01 10 10 78 00 02 C5 11")


def struck(kind, **how):
    line = make_line([1], firmware="15.41")
    line.read(0)
    line.fault(kind, 1, **how)
    return line, line.slaves[1]


def shown(line, now):
    """The balance switch as the pack's settings frame shows it, None without an answer."""
    unit = ask(line, request(1, SETTINGS, b"\0\0"), now)
    return unit[126] if unit else None


def test_an_ignored_write_is_acked_and_changes_nothing():
    line, pack = struck("ignored")
    assert write(line, 1, BALANCE, OFF) == ACK
    assert shown(line, 60_000) == 1
    assert (pack.writes.ignored, pack.writes.log[0].fate, pack.writes.log[0].stored) == (1, "ignored", {})
    unit = write(line, 1, 0x160E, b"\0\0", 70_000)  # a preset too
    assert int.from_bytes(unit[18:22], "little") == 3650


def test_an_ignoring_pack_still_refuses_what_is_illogical():
    line, pack = struck("ignored")
    assert write(line, 1, 0x1504, b"\0\5")[:3] == b"\x01\x90\x03"
    assert write(line, 1, 0x1110, b"\0\0\0\5")[:3] == b"\x01\x90\x02"
    assert (pack.writes.refused, pack.writes.ignored) == (2, 0)


def test_a_lost_a_late_and_a_damaged_ack_of_a_write_that_was_taken():
    line, pack = struck("silence", only="ack")
    assert write(line, 1, BALANCE, OFF) == b""
    assert shown(line, 100) == 0
    line, pack = struck("delay", only="ack", amount=900)
    assert write(line, 1, BALANCE, OFF) == b""
    assert shown(line, 100) == 0
    assert line.read(899) == b""
    assert line.read(900) == ACK
    line, pack = struck("corrupt", only="ack")
    answer = write(line, 1, BALANCE, OFF)
    assert len(answer) == 8
    assert answer != ACK
    assert pack.writes.log[0].fate == "stored"


def test_the_old_value_is_shown_for_a_while():
    line, pack = struck("late_effect", amount=1500)
    assert write(line, 1, BALANCE, OFF, 1000) == ACK
    assert pack.writes.log[0].fate == "pending"
    assert [shown(line, now) for now in (1100, 2499, 2500)] == [1, 1, 0]
    assert pack.writes.log[0].fate == "stored"
    assert pack.settings()["balance_switch"] == 0


@pytest.mark.parametrize(("register", "data", "name", "stored"), [
    (0x100C, (3620).to_bytes(4, "big"), "cell_overvoltage_protection", 3617),
    (BALANCE, ON, "balance_switch", 4), (0x1116, b"\xd8\x05", "heating_start_temperature", -43),
    (0x105C, (-250 & 0xFFFFFFFF).to_bytes(4, "big"), "charge_undertemperature_protection", -253),
])
def test_another_value_is_stored_than_was_asked_for(register, data, name, stored):
    line, pack = struck("other_value", amount=3)
    assert write(line, 1, register, data)[1] == 0x10
    assert pack.settings()[name] == stored == pack.writes.log[0].stored[name]
    assert pack.writes.log[0].asked[name] != stored
    assert pack.truth(0, "settings")[name] == stored


def test_an_exception_instead_of_an_ack():
    line, pack = struck("refuse")
    assert write(line, 1, BALANCE, OFF)[:3] == b"\x01\x90\x03"
    assert shown(line, 100) == 1
    line, pack = struck("refuse", amount=1)
    assert write(line, 1, BALANCE, OFF)[:3] == b"\x01\x90\x01"
    assert (pack.writes.log[0].fate, pack.writes.log[0].code) == ("refused", 1)


@pytest.mark.parametrize("lost", [False, True])
def test_a_reboot_in_between_keeps_or_loses_the_value(lost):
    line, pack = struck("reboot", amount=5000, count=1)
    if lost:
        line.fault("ignored", 1, count=1)
    before = pack.truth(100_000)
    assert write(line, 1, BALANCE, OFF, 100_000) == ACK
    assert [shown(line, now) for now in (100_100, 104_900)] == [None, None]
    assert shown(line, 105_100) == (1 if lost else 0)
    after = pack.truth(105_100)
    assert after["system_ticks"] == 1 < before["system_ticks"]
    assert after["power_on_count"] == before["power_on_count"] + 1
    assert after["total_runtime"] % 300 == 0
    assert after["total_runtime"] <= before["total_runtime"] + 5
    assert pack.truth(115_100)["total_runtime"] == after["total_runtime"] + 10


def test_a_settings_frame_from_before_the_write_comes_late():
    line, _ = struck("ghost", amount=400)
    assert write(line, 1, BALANCE, OFF, 1000) == ACK
    assert shown(line, 1200) == 0
    ghost = line.read(1400)
    assert (len(ghost), ghost[4], ghost[126], ghost[300:306]) == (308, 1, 1, bytes.fromhex("01 10 16 1E 00 01"))
    assert shown(line, 1600) == 0


def test_an_answer_asked_for_before_the_write_comes_late():
    line, _ = struck("delay", only="settings", amount=700, count=1)
    assert shown(line, 0) is None
    assert write(line, 1, BALANCE, OFF, 200) == ACK
    late = line.read(700)
    assert (late[4], late[126]) == (1, 1)
    assert shown(line, 800) == 0


def answers(line):
    """How long each sort of answer is, in the order of the names."""
    said = [ask(line, request(1, trigger, b"\0\0")) for trigger in (LIVE, SETTINGS, ABOUT)]
    said += [ask(line, read_request(1, 0x12A0, 2)), write(line, 1, BALANCE, ON), write(line, 1, 0x1110, ON)]
    return [len(one) for one in said]


def test_only_one_sort_of_answer_is_struck():
    whole = [308, 308, 308, 9, 8, 5]
    assert answers(make_line([1])) == whole
    for i, only in enumerate(("live", "settings", "about", "read", "ack", "exception")):
        line, _ = struck("silence", only=only)
        assert answers(line) == [0 if i == at else length for at, length in enumerate(whole)]


def test_only_writes_to_one_register_are_struck_and_only_so_often():
    line, _ = struck("refuse", register=0x1070, count=1)
    assert write(line, 1, BALANCE, OFF) == ACK
    assert write(line, 1, 0x1070, OFF)[1] == 0x90
    assert write(line, 1, 0x1070, OFF)[1] == 0x10
    line = make_line([1, 2])
    fault = line.fault("ignored", 2, start=10)
    for now, kept in ((0, 0), (10_000, 0)):
        write(line, 2, BALANCE, OFF if now == 0 else ON, now)
        assert line.slaves[2].settings()["balance_switch"] == kept
    assert write(line, 1, BALANCE, OFF, 10_000) == ACK
    assert line.slaves[1].settings()["balance_switch"] == 0
    assert fault.struck == 1


def test_requests_for_frames_are_no_writes():
    for kind in WRITE_FAULTS:
        line, pack = struck(kind)
        assert [len(ask(line, request(1, trigger, b"\0\0"))) for trigger in (LIVE, SETTINGS, ABOUT)] == [308] * 3
        assert not pack.writes.log
        assert line.faults[0].struck == 0


@pytest.mark.parametrize(("how", "part"), [
    ({"kind": "silence", "only": "settigns"}, "settings"), ({"kind": "echo", "only": "live"}, "only"),
    ({"kind": "ignored", "only": "ack"}, "only"), ({"kind": "silence", "register": 0x1078}, "register"),
    ({"kind": "refuse", "amount": 0}, "1 to 255"),
])
def test_aims_that_make_no_sense_are_refused_in_words(how, part):
    with pytest.raises(ValueError, match=part):
        Fault(**how)


def test_faults_of_writes_from_the_command_line():
    assert parse_fault("ignored,pack=2,register=0x1078") == ("ignored", 2, {"register": 0x1078})
    assert parse_fault("silence,only=ack,count=1") == ("silence", None, {"only": "ack", "count": 1})
    assert parse_fault("late_effect=700") == ("late_effect", None, {"amount": 700})
    with pytest.raises(ValueError, match="number"):
        parse_fault("ignored,register=balance")
