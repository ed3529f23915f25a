"""The simulated line: who answers what, when, and what collisions do to it."""

import pytest

from jkbridge.simulator import Battery, Line, Slave, make_line
from jkbridge.simulator.modbus import crc16, read_request, sealed, trigger_request

LIVE, SETTINGS, ABOUT = 0x1620, 0x161E, 0x161C
WRAP = 0x3FFFFFFF


def test_every_address_answers_for_itself_only():
    addresses = [1, 3, 4, 15]
    line = make_line(addresses, firmware="mixed")
    for address in range(1, 16):
        for register in (LIVE, SETTINGS, ABOUT):
            line.write(trigger_request(address, register), 0)
            unit = line.read(0)
            assert len(unit) == (308 if address in addresses else 0)
            assert not unit or unit[300] == address
            assert not unit or unit[4] == {LIVE: 2, SETTINGS: 1, ABOUT: 3}[register]
    assert all(slave.heard == slave.answered == 3 for slave in line.stations)


def test_a_request_in_pieces_with_rubbish_around_it():
    request = trigger_request(1, LIVE)
    for cut in range(1, len(request)):
        line = make_line([1])
        line.write(request[:cut], 0)
        assert line.read(3) == b""
        line.write(request[cut:], 6)
        assert len(line.read(6)) == 308
    line = make_line([1])
    line.write(b"\xff\x00\x01\x55" + request + b"\x01\x02", 0)
    assert len(line.read(0)) == 308
    line = make_line([1])
    line.write(request[:5], 0)
    line.write(request[5:], 200)  # too late: the first half is forgotten
    assert line.read(300) == b""


def test_wrong_crc_is_met_with_silence():
    request = trigger_request(1, LIVE)
    for bit in range(8 * len(request)):
        bent = bytearray(request)
        bent[bit // 8] ^= 1 << bit % 8
        line = make_line([1])
        line.write(bytes(bent), 0)
        assert line.read(1000) == b""


def test_exceptions():
    line = make_line([2])
    for request, code in (
        (sealed(bytes.fromhex("02 10 15 04 00 01 02 00 01")), "02 90 03"),
        (sealed(bytes.fromhex("02 10 11 20 00 01 02 00 00")), "02 90 02"),
        (sealed(bytes.fromhex("02 10 16 20 00 02 04 00 00 00 00")), "02 90 03"),
        (sealed(bytes.fromhex("02 06 14 E4 00 01")), "02 86 01"),
        (read_request(2, 0x1600, 1), "02 83 02"),
        (read_request(2, 0x1200, 128), "02 83 03"),
        (read_request(2, 0x1200, 0), "02 83 03"),
        (read_request(2, 0x1324, 2), "02 83 02"),
    ):
        line.write(request, 0)
        assert line.read(0) == sealed(bytes.fromhex(code))


def test_an_extension_answers_before_the_pack():
    line = make_line([2])
    line.slaves[2].extensions.append(lambda _, request, t: b"seen" if request.register == 0x1070 else None)
    line.write(bytes.fromhex("02 10 10 78 00 02 04 00 00 00 00 37 A9"), 0)
    assert line.read(0)[:4] == bytes.fromhex("02 10 10 78")
    line.write(sealed(bytes.fromhex("02 10 10 70 00 02 04 00 00 00 01")), 0)
    assert line.read(0) == b"seen"


def fc03(line, register, words):
    line.write(read_request(1, register, words), 0)
    unit = line.read(0)
    assert unit[:3] == bytes((1, 3, 2 * words))
    assert crc16(unit[:-2]).to_bytes(2, "little") == unit[-2:]
    return unit[3:-2]


def test_register_reads_have_the_byte_order_of_the_captures():
    line = make_line([1], stories=[("default_password",)])
    truth = line.slaves[1].truth(0)
    # the four reads of B2I #179: a u32 advances the address by 4, byte pairs keep their order
    data = fc03(line, 0x106C, 5)
    assert int.from_bytes(data[:4], "big") == truth["cell_count"]
    assert int.from_bytes(data[4:8], "big") == truth["charge_switch"]
    assert data[8:] == b"\0\0"
    data = fc03(line, 0x1290, 5)
    assert int.from_bytes(data[:4], "big") == truth["pack_voltage"]
    assert int.from_bytes(data[4:8], "big") == truth["power_magnitude"]
    assert int.from_bytes(data[8:], "big", signed=True) == truth["current"] >> 16
    data = fc03(line, 0x12A0, 4)
    assert int.from_bytes(data[:4], "big") == truth["alarms"] == 0x80000
    assert int.from_bytes(data[4:6], "big", signed=True) == truth["balance_current"]
    assert tuple(data[6:]) == (truth["balance_state"], truth["soc"])
    assert fc03(line, 0x1400, 10)[:13] == b"JK_PB2A16S20P"
    assert fc03(line, 0x1200, 16)[:2] == truth["cell_voltage_1"].to_bytes(2, "big")
    heating = truth["heating_start_temperature"], truth["heating_stop_temperature"]
    assert fc03(line, 0x1116, 1) == bytes(heating)


def test_the_clock_may_wrap_and_stand_still():
    line = make_line([1])
    start = WRAP - 1500
    line.read(start)
    first = line.slaves[1].truth(start, "live")
    assert line.seconds(start) == 9 * 3600
    later = line.slaves[1].truth((start + 3000) & WRAP, "live")
    assert later["system_ticks"] - first["system_ticks"] == 30
    assert later["total_runtime"] - first["total_runtime"] == 3
    again = line.slaves[1].truth(start, "live")  # a clock that steps back stands still
    assert again == later


def test_paced_bytes_come_at_115200_baud_after_the_latency():
    line = make_line([1], paced=True, latency_ms=(10, 10))
    line.write(trigger_request(1, LIVE), 0)
    arrived = [(now, line.read(now)) for now in range(60)]
    sizes = [len(data) for _, data in arrived]
    assert sum(sizes) == 308
    first = next(now for now, data in arrived if data)
    last = max(now for now, data in arrived if data)
    # 11 bytes take 0.95 ms, the pause 10 ms, one byte 0.087 ms, 308 bytes 26.7 ms
    assert first in (11, 12)
    assert last in (37, 38)
    assert max(sizes) <= 12
    assert b"".join(data for _, data in arrived)[300] == 1


def test_latency_jitters_within_its_limits_and_repeats_with_the_seed():
    def first_bytes(seed):
        line = make_line([1], paced=True, latency_ms=(5, 20), seed=seed)
        found = []
        for turn in range(30):
            base = 1000 * turn
            line.write(trigger_request(1, LIVE), base)
            found.append(next(now - base for now in range(base, base + 60) if line.read(now)))
            line.read(base + 999)
        return found

    found = first_bytes(1)
    assert found == first_bytes(1)
    assert found != first_bytes(2)
    assert min(found) >= 6
    assert max(found) <= 22
    assert len(set(found)) > 5


def test_due_tells_when_to_look_again():
    line = make_line([1], paced=True, latency_ms=(10, 10))
    assert line.due_ms(0) is None
    line.write(trigger_request(1, LIVE), 0)
    now, got = 0, b""
    looks = 0
    while (due := line.due_ms(now)) is not None:
        now += max(1, int(due + 0.999))
        got += line.read(now)
        looks += 1
    assert len(got) == 308
    assert now <= 40
    assert looks < 20


@pytest.mark.parametrize("paced", [True, False])
def test_two_packs_at_one_address_garble_each_other(paced):
    twins = [Slave(4, Battery(seed=1)), Slave(4, Battery(seed=2))]
    line = Line(twins, paced=paced, latency_ms=(5, 20))
    line.write(trigger_request(4, LIVE), 0)
    unit = line.read(500)
    assert line.collisions == 1
    assert [slave.answered for slave in twins] == [1, 1]
    assert 308 <= len(unit) <= 616
    assert unit not in (twins[0].frame("live", line.seconds(500)), b"")
    assert not (unit[:4] == b"\x55\xaa\xeb\x90" and sum(unit[:299]) % 256 == unit[299])


def test_a_request_during_an_answer_spoils_both():
    line = make_line([1, 2], paced=True, latency_ms=(10, 10))
    line.write(trigger_request(1, LIVE), 0)
    line.read(20)
    line.write(trigger_request(2, LIVE), 20)
    rest = line.read(500)
    assert line.collisions == 1
    assert line.lost_requests == 1
    assert line.slaves[2].heard == 0
    assert len(rest) < 308
    line.write(trigger_request(2, LIVE), 1000)
    assert len(line.read(1500)) == 308


def test_a_stranger_on_the_line_is_heard_and_answered():
    line = make_line([1])
    line.inject(trigger_request(1, LIVE), 0)
    heard = line.read(0)
    assert heard[:11] == trigger_request(1, LIVE)
    assert len(heard) == 11 + 308


def test_packs_come_and_go_and_move():
    line = make_line([1])
    pack = line.slaves[1]
    pack.address = 3  # the DIP switch is moved while running
    line.write(trigger_request(1, SETTINGS), 0)
    assert line.read(0) == b""
    line.write(trigger_request(3, SETTINGS), 100)
    unit = line.read(100)
    assert (unit[270], unit[300]) == (3, 3)
    line.remove(pack)
    line.write(trigger_request(3, SETTINGS), 200)
    assert line.read(200) == b""
    line.add(pack)
    line.write(trigger_request(3, SETTINGS), 300)
    assert len(line.read(300)) == 308
