"""A small MQTT broker inside the bridge's process (amqtt), for a start with no broker configured.

It listens on this machine only and asks for no password. Nothing is kept when it ends: it is for trying out,
not for a house. amqtt is an optional dependency, imported only here.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

HOST = "127.0.0.1"
USUAL_PORT = 1883


class BrokerUnavailableError(RuntimeError):
    """The embedded broker cannot run; the text is a sentence for people."""


class EmbeddedBroker:
    """start() returns when it accepts connections at `host`:`port`; stop() ends it."""

    def __init__(self, port: int = USUAL_PORT) -> None:
        self.host = HOST
        self.port = port
        self.wanted_port = port
        """`port` differs from it after start() when that one was taken."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._up = threading.Event()
        self._error: BaseException | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self, timeout: float = 15.0) -> None:
        """Raises BrokerUnavailableError when amqtt is not installed or does not start."""
        try:
            # Its plugins and packets are logged one by one at levels a user would see.
            for name in ("amqtt", "transitions"):
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
                logging.getLogger(name).propagate = False
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import amqtt.broker  # noqa: F401
        except ImportError:
            raise BrokerUnavailableError(
                "No MQTT broker is configured, and the embedded one is not installed: name your broker "
                "(--broker 192.168.1.10, or mqtt.host in the configuration), or install the embedded one with "
                "`pip install 'jkbridge[demo]'`."
            ) from None
        self.port = _free_port(self.wanted_port)
        self._thread = threading.Thread(target=self._run, name="embedded broker", daemon=True)
        self._thread.start()
        if not self._up.wait(timeout) or self._error is not None:
            reason = self._error or "it did not start in time"
            raise BrokerUnavailableError(f"The embedded MQTT broker cannot be started on {HOST}:{self.port}: {reason}.")

    def ended(self) -> str:
        """Why it has ended by itself after start(); "" while it runs or when stop() was called."""
        if self._thread is None or self._thread.is_alive() or self._stopping:
            return ""
        return repr(self._error) if self._error is not None else "without a reason"

    def stop(self) -> None:
        self._stopping = True
        loop, ended = self._loop, self._ended
        if loop is not None and ended is not None and self._thread is not None:
            with contextlib.suppress(RuntimeError):  # it ended by itself
                loop.call_soon_threadsafe(ended.set)
            self._thread.join(3)

    def _run(self) -> None:
        import asyncio  # here and below: 3 MB that a bridge with a broker of its own need not carry

        try:
            asyncio.run(self._serve())
        except BaseException as e:
            self._error = e
        finally:
            self._up.set()

    async def _serve(self) -> None:
        import asyncio

        from amqtt.broker import Broker

        self._loop = asyncio.get_running_loop()
        # A client that vanishes in the middle of a packet is no event for our terminal.
        self._loop.set_exception_handler(lambda _loop, _context: None)
        self._ended = asyncio.Event()
        config: dict[str, Any] = {
            "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{self.port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        broker = Broker(config)
        await broker.start()
        self._up.set()
        await self._ended.wait()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(broker.shutdown(), 2)


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
                return int(probe.getsockname()[1])
            except OSError:
                continue
    raise BrokerUnavailableError(f"No TCP port of {HOST} is free for the embedded MQTT broker.")
