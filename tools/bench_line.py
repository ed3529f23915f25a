"""A simulated line in a process of its own, paced like the wire, that keeps the times of what passes.

Arguments: addresses ("1-15"), "pty" or "tcp", and perhaps the firmware and the slot (ms) of a bus master. Prints its
port as one line of JSON, then answers every line on standard input with the times since the last one, as JSON:
[[nanoseconds of the monotonic clock, "ask" or "end", address, frame type], ...]; "ask": a whole request of ours was
heard; "end": the last byte of a frame and its ack is about to leave. The line "go" switches the master on, "quiet"
stops it behind the unit it is sending. Ends with its standard input.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from jkbridge.simulator import Server, make_line
from jkbridge.simulator.make import parse_addresses

LATENCY_MS = 10.0
REQUEST, UNIT = 11, 308
_KINDS = {0x1E: 1, 0x20: 2, 0x1C: 3}
_MAGIC = b"\x55\xaa\xeb\x90"


class TimedLine:
    """A line that notes when requests and answers are complete; all else is the line's own."""

    def __init__(self, line: Any) -> None:
        self._line = line
        self._asked = bytearray()
        self._said = bytearray()
        self.times: list[tuple[int, str, int, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    def write(self, data: bytes, now_ms: int) -> None:
        self._asked += data
        while len(self._asked) >= REQUEST:
            self.times.append((time.monotonic_ns(), "ask", self._asked[0], _KINDS.get(self._asked[3], 0)))
            del self._asked[:REQUEST]
        self._line.write(data, now_ms)

    def read(self, now_ms: int) -> bytes:
        data = bytes(self._line.read(now_ms))
        said = self._said
        said += data
        while (at := said.find(_MAGIC)) >= 0 and len(said) >= at + UNIT:
            self.times.append((time.monotonic_ns(), "end", said[at + 300], said[at + 4]))
            del said[: at + UNIT]
        if at < 0:
            del said[: max(0, len(said) - len(_MAGIC) + 1)]
        return data


def main(packs: str, kind: str, master: str | None = None, slot_ms: str = "400") -> None:
    latency = LATENCY_MS if master is None else 1.0
    made = make_line(parse_addresses(packs), paced=True, latency_ms=(latency, latency), master=master)
    if made.master is not None:
        made.master.slot_ms = float(slot_ms)
        made.master.powered = False
    line = TimedLine(made)
    server = Server(line, pty=kind == "pty", tcp="127.0.0.1:0" if kind == "tcp" else None)  # type: ignore[arg-type]
    with server:
        port = server.pty_path if kind == "pty" else f"tcp://127.0.0.1:{server.tcp_port}"
        print(json.dumps(port), flush=True)
        for words in sys.stdin:
            with server.lock:
                if words.strip() == "go" and made.master is not None:
                    made.master.on(server.now_ms())
                elif words.strip() == "quiet" and made.master is not None:
                    made.master.address = 16  # no slot begins any more
                times, line.times = line.times, []
            server.wake()
            print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
