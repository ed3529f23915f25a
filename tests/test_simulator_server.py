"""The simulated line in real time: TCP gateway, pseudo-terminal, and the command `jkbridge simulate`."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jkbridge.simulator import Server, make_line
from jkbridge.simulator.modbus import sealed, trigger_request

LIVE, ABOUT = 0x1620, 0x161C
LIMIT_S = 10  # only a hanging test gets there


def receive(client, count):
    client.settimeout(LIMIT_S)
    data, pieces = b"", 0
    while len(data) < count:
        piece = client.recv(4096)
        assert piece, "the connection was closed"
        data += piece
        pieces += 1
    return data, pieces


def connect(server):
    return socket.create_connection((server.tcp_host, server.tcp_port), LIMIT_S)


def test_tcp_answers_and_tells_the_truth():
    with Server(make_line([1, 5]), tcp="127.0.0.1:0") as server, connect(server) as client:
        for address in (1, 5):
            client.sendall(trigger_request(address, ABOUT))
            unit, _ = receive(client, 308)
            assert unit[300] == address
            assert unit[30:35].decode() == server.truth(address, "about")["software_version"]
        client.sendall(trigger_request(3, LIVE) + trigger_request(1, LIVE))
        unit, _ = receive(client, 308)
        said = server.line.slaves[1].sent["live"][-1]
        assert int.from_bytes(unit[150:154], "little") == said["pack_voltage"]


def test_tcp_keeps_the_pace_of_the_wire():
    line = make_line([1], paced=True, latency_ms=(10, 10))
    with Server(line, tcp="127.0.0.1:0") as server, connect(server) as client:
        began = time.monotonic()
        client.sendall(trigger_request(1, LIVE))
        _, pieces = receive(client, 308)
        took = time.monotonic() - began
    # 11 and 308 bytes at 115200 baud and the pause; there is no upper bound on a busy machine
    assert took >= 0.036
    assert pieces >= 2


def test_a_request_byte_by_byte_and_several_clients():
    server = Server(make_line([1]), tcp="127.0.0.1:0")
    with server, connect(server) as first, connect(server) as second:
        first.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # both must be accepted before the answer goes out
        second.sendall(trigger_request(1, ABOUT))
        receive(second, 308)
        receive(first, 308)
        assert server.clients == 2
        for byte in trigger_request(1, LIVE):
            first.sendall(bytes((byte,)))
        assert receive(first, 308)[0] == receive(second, 308)[0]
        first.close()
        second.sendall(trigger_request(1, LIVE))
        receive(second, 308)


def test_dropped_clients_may_come_back():
    with Server(make_line([1]), tcp="127.0.0.1:0") as server:
        with connect(server) as client:
            client.sendall(trigger_request(1, LIVE))
            receive(client, 308)
            server.drop_clients()
            assert client.recv(1) == b""
        with connect(server) as client:
            client.sendall(trigger_request(1, LIVE))
            assert len(receive(client, 308)[0]) == 308


def test_a_pseudo_terminal_is_a_clean_serial_port(tmp_path):
    link = str(tmp_path / "ttyJK")
    with Server(make_line([1]), pty=link) as server:
        assert server.pty_path == link
        for _ in range(2):  # opened, closed and opened again
            port = os.open(link, os.O_RDWR | os.O_NOCTTY)
            try:
                os.write(port, trigger_request(1, LIVE))
                data = b""
                while len(data) < 308 and select.select([port], [], [], LIMIT_S)[0]:
                    data += os.read(port, 4096)
            finally:
                os.close(port)
            assert len(data) == 308
            assert data[300:302] == b"\x01\x10"
        assert os.path.islink(link)
    assert not os.path.lexists(link)


def test_pyserial_opens_both():
    serial = pytest.importorskip("serial", reason="pyserial is not installed")
    with Server(make_line([1]), tcp="127.0.0.1:0", pty=True) as server:
        for url in (server.pty_path, f"socket://{server.tcp_host}:{server.tcp_port}"):
            with serial.serial_for_url(url, baudrate=115200, timeout=LIMIT_S) as port:
                port.write(trigger_request(1, LIVE))
                assert len(port.read(308)) == 308


def test_ports_that_cannot_be_had_are_named(tmp_path):
    with Server(make_line([1]), tcp="127.0.0.1:0") as server:
        second = Server(make_line([1]), tcp=f"127.0.0.1:{server.tcp_port}")
        with pytest.raises(OSError, match=f"{server.tcp_port}: another program uses it"):
            second.start()
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(OSError, match=r"link .*taken"):
        Server(make_line([1]), pty=str(taken)).start()
    assert taken.read_text() == "mine"


def command(*args):
    # The package of this working tree, whether jkbridge is installed or not.
    package = str(Path(__file__).parent.parent / "host_shim")
    path = os.pathsep.join((package, os.environ.get("PYTHONPATH", "")))
    return subprocess.Popen(
        [sys.executable, "-m", "jkbridge.simulator", *args], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_how_to_connect_and_ends_cleanly(tmp_path, ending):
    link = str(tmp_path / "port")
    ports = ("--tcp", "127.0.0.1:0", "--pty", link)
    running = command("--packs", "1-2,7", "--firmware", "mixed", "--unpaced", *ports)
    said = []
    try:
        for row in running.stdout:
            said.append(row.strip())
            if row.startswith("Ctrl-C"):
                break
        where = next(row for row in said if "socket://" in row)
        assert where.startswith("jkbridge run --port socket://127.0.0.1:")
        assert where.endswith("--packs 1,2,7")
        assert f"jkbridge run --port {link} --packs 1,2,7" in said
        port = int(where.split()[3].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), LIMIT_S) as client:
            client.sendall(trigger_request(7, LIVE))
            receive(client, 308)
        running.send_signal(ending)
        rest, errors = running.communicate(timeout=LIMIT_S)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 0
    assert "pack 7: 1 / 1" in rest
    assert errors == ""
    assert not os.path.lexists(link)


def test_the_command_takes_writes_as_told_and_says_at_the_end_what_became_of_them():
    running = command("--packs", "1", "--unpaced", "--tcp", "127.0.0.1:0", "--order", "strict",
                      "--fault", "ignored,pack=1,register=0x1078")  # fmt: skip
    try:
        where = next(row for row in running.stdout if "socket://" in row)
        port = int(where.split()[3].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), LIMIT_S) as client:
            for asked, answered in (
                ("01 10 10 78 00 02 04 00 00 00 00", "01 10 10 78 00 02"),
                ("01 10 10 20 00 02 04 00 00 0E 06", "01 90 03"),  # RCV 3590 is not above SOC-100 % 3590
            ):
                expected = sealed(bytes.fromhex(answered))
                client.sendall(sealed(bytes.fromhex(asked)))
                assert receive(client, len(expected))[0] == expected
        running.send_signal(signal.SIGINT)
        rest, errors = running.communicate(timeout=LIMIT_S)
    finally:
        running.kill()
        running.wait()
    assert "Writes to pack 1: 1 ignored, 1 refused; the last one: Write(" in rest
    assert "{'cell_request_charge_voltage': 3590}, refused 03)" in rest
    assert errors == ""


@pytest.mark.parametrize(("args", "part"), [
    (["--packs", "0"], "1 to 15"), (["--fault", "rain"], "rain"),
    (["--fault", "silence,pack=9"], "no pack 9"),
    (["--tcp", "here:x"], "HOST:PORT"), (["--latency", "fast"], "5-20"), (["--cells", "99"], "2 to 32"),
    (["--start", "25"], "hour"), (["--speed", "0"], "speed"), (["--story", "sad"], "sad"),
])
def test_the_command_refuses_in_one_sentence(args, part):
    running = command(*args)
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 2
    assert part in errors
    assert "Traceback" not in errors
    assert errors.count("\n") == 1


def test_help_reads_well():
    running = command("--help")
    said, _ = running.communicate(timeout=30)
    assert running.returncode == 0
    words = ("--packs", "--firmware", "--tcp", "--fault", "--order", "silence", "ignored", "imbalanced", "Example:")
    for word in words:
        assert word in said
    assert max(len(row) for row in said.splitlines()) <= 110
