"""A line with a bus master on it: collisions, several hosts, junk, and the command that serves it."""

import argparse
import re
import socket

import pytest
from test_simulator_master import cycle, labels, split, watch
from test_simulator_server import LIMIT_S, command, receive

from jkbridge.simulator import Battery, Line, Master, Server, Slave, make_line
from jkbridge.simulator.command import add_arguments
from jkbridge.simulator.modbus import trigger_request

LIVE, SETTINGS, ABOUT = 0x1620, 0x161E, 0x161C


def paced(slaves=(1, 2), master="14.20", **more):
    return make_line(slaves, master=master, paced=True, latency_ms=(10, 10), **more)


# -- a host that talks at the wrong time


def test_a_host_over_the_masters_request_spoils_both():
    line = paced()
    second = line.host()
    line.read(0)
    line.read(800 - 1)  # 1 asked twice; at 800 ms the master asks 2
    second.read(799)
    line.write(trigger_request(1, ABOUT), 800)
    first, other = line.read(1199), second.read(1199)
    assert line.collisions == 1
    assert line.lost_requests == 1
    assert line.slaves[1].heard == 2
    assert line.slaves[2].heard == 0
    assert trigger_request(2, LIVE) not in first + other
    assert trigger_request(1, ABOUT) not in other
    assert len(first) <= 11
    assert 1 <= len(other) <= 22
    # no answer from 2, so no settings request: this cycle is a slot shorter, and the next one is whole
    assert labels(split(line.read(7200 - 1))) == cycle(first=3)
    assert labels(split(line.read(7200 + 7600 - 1))) == cycle(1, 2)
    assert line.collisions == 1


def test_a_host_over_the_masters_own_frame_spoils_both():
    line = paced([1])
    line.read(0)
    begins = 16 * 400  # own live frame
    line.read(begins - 1)
    line.write(trigger_request(1, LIVE), begins + 10)
    rest = line.read(begins + 390)
    assert line.collisions == 1
    assert line.lost_requests == 1
    assert line.slaves[1].heard == 2  # both from the master
    assert rest[:4] == b"\x55\xaa\xeb\x90"
    assert len(rest) == 308
    assert sum(rest[:299]) % 256 != rest[299]
    assert rest[-8:] == bytes.fromhex("00 10 16 20 00 01 05 9A")


def test_an_answer_to_a_host_meets_the_masters_request():
    line = paced([1])
    line.read(0)
    line.read(1179)
    line.write(trigger_request(1, ABOUT), 1180)  # the answer is on the wires when the next slot begins
    rest = line.read(1250)
    assert line.collisions == 1
    assert line.lost_requests == 0
    assert line.slaves[1].heard == 3
    assert trigger_request(3, LIVE) not in rest
    assert len(rest) == 308
    assert rest[-8:-4] == bytes.fromhex("01 10 16 1C")
    assert sum(rest[:299]) % 256 != rest[299]


def test_in_the_gap_a_slave_answers_a_host_and_the_loop_goes_on():
    line = paced([1, 2])
    heard = line.read(0)
    for ms in range(1, 7600):
        if ms == 1600 + 100:
            line.write(trigger_request(2, ABOUT), ms)
        heard += line.read(ms)
    at = heard.index(bytes.fromhex("02 10 16 1C 00 01")) - 300
    assert heard[at : at + 5] == b"\x55\xaa\xeb\x90\x03"
    assert labels(split(heard[:at] + heard[at + 308 :])) == cycle(1, 2)
    assert line.collisions == 0


def test_two_masters_garble_each_other():
    for is_paced in (True, False):
        line = Line([Master(Battery("14.20", seed=1)), Master(Battery("14.20", seed=2))], paced=is_paced)
        heard = line.read(0) + line.read(6799)
        assert line.collisions == 17
        assert trigger_request(3, LIVE) not in heard
        assert bytes.fromhex("00 10 16 20 00 01 05 9A") not in heard


def test_two_slaves_at_one_address_never_look_like_one():
    line = make_line([1], master="14.20")
    line.add(Slave(1, Battery("14.20", seed=9)))
    heard = line.read(0) + line.read(6800 * 5 - 1)
    assert trigger_request(1, SETTINGS) not in heard  # the master made nothing of the answers either
    assert line.master.cycles == 5
    assert line.collisions == 5


def test_without_a_pace_answers_that_wait_to_be_read_do_not_collide():
    line = make_line(range(1, 16), master="15.41", latency_ms=(5, 20))
    heard = line.read(0) + line.read(600_000)
    assert line.collisions == 0
    assert len(split(heard)) > 85 * 47


def test_without_a_pace_twins_collide_whoever_speaks_in_between():
    line = make_line([], master=None)
    for latency in (5, 15):
        line.add(Slave(4, Battery(seed=latency), latency_ms=(latency, latency)))
    line.write(trigger_request(4, LIVE), 0)
    line.inject(b"\x00", 10)
    rest = line.read(100)
    assert line.collisions == 1
    assert b"\x55\xaa\xeb\x90" not in rest


# -- several hosts


@pytest.mark.parametrize("is_paced", [True, False])
def test_every_host_hears_every_other_and_not_itself(is_paced):
    line = make_line([1, 2], paced=is_paced, latency_ms=(10, 10))
    second, third = line.host("second"), line.host("third")
    ask = [trigger_request(1, LIVE), trigger_request(2, SETTINGS)]
    line.write(ask[0], 0)
    second.write(ask[1], 200)
    heard = [host.read(400) for host in (line, second, third)]
    assert [len(data) for data in heard] == [308 + 11 + 308, 11 + 308 + 308, 11 + 308 + 11 + 308]
    assert heard[1].startswith(ask[0])
    assert heard[0][308:319] == ask[1]
    assert heard[2] == ask[0] + heard[0]
    assert heard[1] == ask[0] + heard[0][:308] + heard[0][319:]
    assert (line.first.sent_bytes, second.sent_bytes, third.sent_bytes, line.sent_bytes) == (11, 11, 0, 22)
    assert line.collisions == 0


def test_two_hosts_at_once_collide():
    line = paced([1, 2], master=None)
    second = line.host()
    line.write(trigger_request(1, LIVE), 0)
    second.write(trigger_request(2, LIVE), 0)
    assert line.read(500) != trigger_request(2, LIVE)
    assert second.read(500) != trigger_request(1, LIVE)
    assert line.collisions == 1
    assert line.lost_requests == 2
    assert (line.first.lost_requests, second.lost_requests) == (1, 1)
    assert [slave.heard for slave in line.stations] == [0, 0]


def test_hosts_read_at_their_own_pace_and_lose_nothing():
    line = paced([1, 5, 9], "15.41")
    hasty, idle = line.host("hasty"), line.host("idle")
    often = b""
    for ms in range(0, 60_000, 3):
        often += hasty.read(ms)
    sometimes = b"".join(line.read(60_000) for _ in range(3))
    assert often == sometimes[: len(often)]
    assert len(sometimes) - len(often) <= 1
    assert idle.read(60_000) == sometimes
    assert idle.read(60_000) == b""
    split(often[: often.rindex(b"\x00\x10\x16\x1e") + 8])


def test_a_host_that_is_unplugged_hears_no_more_and_a_late_one_nothing_of_before():
    line = make_line([1], master="14.20")
    line.read(0)
    line.read(5000)
    late = line.host("late")
    assert late.read(5000) == b""
    assert labels(split(late.read(5200))) == ["R13L"]
    late.close()
    assert late.read(9000) == b""
    assert len(line.hosts) == 1


def test_echo_goes_to_the_host_that_spoke():
    line = make_line([1])
    second = line.host()
    line.fault("echo", count=1)
    second.write(trigger_request(1, LIVE), 0)
    assert second.read(0)[:11] == trigger_request(1, LIVE)
    assert len(line.read(0)) == 11 + 308  # heard on the wires, once


@pytest.mark.parametrize("is_paced", [True, False])
def test_due_leads_from_unit_to_unit(is_paced):
    line = make_line([1], master="15.41", paced=is_paced, latency_ms=(10, 10))
    now, looks, heard = 0, 0, b""
    while now < 3960 * 3:
        heard += line.read(now)
        due = line.due_ms(now)
        assert due is not None
        assert due <= 220
        now += max(1, int(due + 0.999))
        looks += 1
    whole = 3 * cycle(1)
    heard += line.read(3960 * 3 - 1)
    assert labels(split(heard))[: len(whole)] == whole
    assert looks < 3 * 18 * 15


# -- junk


@pytest.mark.parametrize("is_paced", [True, False])
def test_junk_fills_the_gaps_and_spares_the_units(is_paced):
    line = make_line([1, 2, 3], master="15.41", junk=True, paced=is_paced)
    cycles = 20
    heard = b"".join(line.read(ms) for ms in range(4400 * cycles))
    assert line.master.cycles == cycles
    assert line.collisions == 0
    assert [slave.answered for slave in line.stations[:3]] == [2 * cycles] * 3
    acks = [bytes((a, 16, 22, register, 0, 1)) for a in range(4) for register in (0x20, 0x1E)]
    for ack in acks:
        found = [match.start() for match in re.finditer(re.escape(ack), heard)]
        found = [i for i in found if heard[i - 300 : i - 296] == b"\x55\xaa\xeb\x90"]
        assert len(found) == cycles
        assert all(sum(heard[i - 300 : i - 1]) % 256 == heard[i - 1] for i in found)
    units = cycles * (18 * 11 + 8 * 308)
    share = (len(heard) - units) / (4400 * cycles * 11.52)
    assert 0.3 < share < 0.7


def test_packs_make_nothing_of_junk():
    class Witness(Slave):
        given = b""

        def hear(self, data, now_us):
            self.given += data
            return super().hear(data, now_us)

    line = make_line([1], master="15.41", junk=True, paced=True)
    witness = line.add(Witness(2, Battery(seed=2)))
    line.read(0)
    line.read(4180 * 2 - 100)
    quiet = ("A1L", "A1S", "A2L", "A2S")  # what slaves say is no request
    assert labels(split(witness.given)) == [label for label in 2 * cycle(1, 2) if label not in quiet]


def test_junk_ends_with_the_master():
    line = make_line([], master="15.41", junk=True, paced=True)
    line.read(0)
    line.read(100)
    line.master.off(100)
    line.read(100)
    assert line.read(10_000) == b""
    assert line.due_ms(10_000) is None


def test_a_host_meets_junk():
    line = paced([1], "15.41", junk=True)
    line.read(0)
    for ms in range(20):
        line.write(trigger_request(1, ABOUT), 2 * 220 + 220 * ms + 130)
        line.read(2 * 220 + 220 * ms + 219)
    assert line.lost_requests > 5
    assert line.master.asked > 15


def test_without_junk_there_is_not_a_byte_between_the_units():
    assert labels(watch(make_line([4], master="19.27"), 3.96 * 2, step=4)) == 2 * cycle(4)


# -- made from words, served in real time


def test_make_line_says_what_cannot_be():
    with pytest.raises(ValueError, match="address 0 is the bus master's"):
        make_line([0, 1], master="14.20")
    with pytest.raises(ValueError, match="junk comes with a bus master"):
        make_line([1], junk=True)
    with pytest.raises(ValueError, match=r"firmware '1\.0' is not simulated"):
        make_line([1], master="1.0")
    assert make_line([1]).master is None


def test_the_slaves_are_the_same_with_and_without_a_master():
    alone, led = make_line([1, 2], seed=5), make_line([1, 2], seed=5, master="14.20")
    for address in (1, 2):
        assert alone.slaves[address].truth(0) == led.slaves[address].truth(0)


def test_a_server_carries_the_master_and_it_can_be_switched():
    line = make_line([1], master="15.41", paced=True)
    server = Server(line, tcp="127.0.0.1:0")
    with server, socket.create_connection((server.tcp_host, server.tcp_port), LIMIT_S) as client:
        data = b""
        while b"\x01\x10\x16\x1e\x00\x01\x65\x87" not in data:
            data += receive(client, 1)[0]
        assert trigger_request(1, SETTINGS) in data
        with server.lock:
            line.master.off(server.now_ms())
            asked = line.master.asked
        client.settimeout(0.6)
        with pytest.raises(TimeoutError):
            receive_for_ever(client)
        assert line.master.asked == asked
        with server.lock:
            line.master.on(server.now_ms())
        server.wake()
        assert receive(client, 11)[0] == trigger_request(1, LIVE)
        assert server.truth(0, "settings")["device_address"] == 0


def receive_for_ever(client):
    while client.recv(4096):
        pass


def test_the_command_plays_a_master():
    running = command("--packs", "1-2", "--master", "15.41", "--junk", "--tcp", "127.0.0.1:0")
    said = []
    try:
        for row in running.stdout:
            said.append(row.strip())
            if row.startswith("Ctrl-C"):
                break
        port = int(next(row for row in said if "socket://" in row).split()[3].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), LIMIT_S) as client:
            data = b""
            while b"\x01\x10\x16\x20\x00\x01\x04\x4b" not in data or b"\x00\x10\x16\x1e\x00\x01\x64\x56" not in data:
                data += receive(client, 1)[0]
        running.terminate()
        rest, errors = running.communicate(timeout=LIMIT_S)
    finally:
        running.kill()
        running.wait()
    assert any(row.startswith("0 ") and row.endswith("(bus master)") and "firmware 15.41" in row for row in said)
    assert any(row.startswith("Simulated RS485 line") and row.endswith("packs 0,1,2:") for row in said)
    assert any(row.endswith("--packs 1,2") for row in said)
    assert any("may only listen" in row for row in said)
    assert "Bus master: " in rest
    assert errors == ""


def test_the_command_plays_a_master_alone():
    running = command("--packs", "0", "--master", "14.20", "--tcp", "127.0.0.1:0")
    try:
        said = [next(running.stdout) for _ in range(4)]
        running.terminate()
        running.communicate(timeout=LIMIT_S)
    finally:
        running.kill()
        running.wait()
    assert said[0].endswith("packs 0:\n")
    assert not any("--packs" in row for row in said)
    assert running.returncode == 0


def test_junk_without_a_master_is_refused():
    running = command("--junk")
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 2
    assert errors == "jkbridge simulate: --junk comes with a bus master; add --master 15.41\n"


def test_help_tells_of_the_master():
    said = add_arguments(argparse.ArgumentParser()).format_help()
    for word in ("--master", "14.20", "none", "--junk"):
        assert word in said
