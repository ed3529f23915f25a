"""The device's look-up of names with real datagrams: a DNS server on loopback, the unix port of MicroPython asks it."""

from __future__ import annotations

import socket
import threading

import mp
import pytest

SCRIPT = """
import sys, time
from jkdevice.network import dns
longest = 0
try:
    asked = dns.Lookup("broker.lan", "127.0.0.1", time.ticks_ms(), int(sys.argv[1]))
    while True:
        start = time.ticks_ms()
        address = asked.poll(start)
        longest = max(longest, time.ticks_diff(time.ticks_ms(), start))
        if address:
            break
        time.sleep_ms(5)
    print("found", address)
except dns.LookupFailedError as error:
    print("failed", error)
print("longest", longest)
"""


class DnsServer:
    """Answers the question number `answers_at` (from 1) and those after it."""

    def __init__(self, answers_at: int) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.questions: list[bytes] = []
        self.answers_at = answers_at
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                question, where = self.sock.recvfrom(512)
            except OSError:
                return
            self.questions.append(question)
            if len(self.questions) >= self.answers_at:
                head = question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0"
                record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes((192, 168, 1, 10))
                self.sock.sendto(head + question[12:] + record, where)


@pytest.mark.parametrize(("answers_at", "said"), [(1, "found 192.168.1.10"), (2, "found 192.168.1.10"),
                                                  (99, "failed the DNS server 127.0.0.1 does not answer")])  # fmt: skip
def test_a_name_is_looked_up_without_waiting(tmp_path, answers_at, said):
    server = DnsServer(answers_at)
    script = tmp_path / "ask.py"
    script.write_text(SCRIPT)
    done = mp.run_unix(script, (server.port,), path=(mp.FIRMWARE,), cwd=tmp_path, timeout=30)
    server.sock.close()
    lines = done.stdout.splitlines()
    assert lines[0] == said, done.stdout
    assert int(lines[1].split()[1]) < 200
    assert len(server.questions) == min(answers_at, 5)
