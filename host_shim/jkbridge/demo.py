"""Two batteries made of software, for a start with no bus port configured.

They sit on a simulated RS485 line behind a pseudo-terminal, so the bridge talks to them exactly as to a USB
adapter.
"""

from __future__ import annotations

from collections.abc import Sequence

HURRY = 20.0
"""The simulated day runs this much faster than the clock: something happens while a person watches."""


class SimulatedBus:
    """start() returns with `port` ready for a SerialPort; stop() ends it. Raises OSError when no port can be had."""

    def __init__(self, addresses: Sequence[int], led: bool = False, speed: float = HURRY) -> None:
        """addresses: of the packs; with 0 among them, or `led`, that one is the bus master."""
        from jkbridge.simulator import Server, make_line

        slaves = [address for address in addresses if address]
        master = "15.30" if led or len(slaves) < len(addresses) else None
        self._line = make_line(slaves, paced=True, speed=speed, master=master)
        self._server = Server(self._line, pty=True)
        self.port = ""

    def start(self) -> None:
        from jkbridge.simulator import Server

        try:
            self._server.start()
            self.port = str(self._server.pty_path)
        except (OSError, ImportError):  # no pseudo-terminals here: serve it like a gateway
            self._server = Server(self._line, tcp="127.0.0.1:0")
            self._server.start()
            self.port = f"tcp://127.0.0.1:{self._server.tcp_port}"

    def stop(self) -> None:
        self._server.stop()
