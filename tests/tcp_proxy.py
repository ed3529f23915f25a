"""A TCP proxy on this machine between a bridge and a simulated gateway, that does what bad gateways and networks do."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import struct
import threading
import time


class Proxy:
    """Serves one client at a time on `port`, connected to `target`; use it as a context manager.

    chunk: bytes passed on in one piece (1: byte by byte); burst: bytes held back until there are so many, or for 0.3 s;
    loss: share of the bytes from the line that vanish; swallow: takes connections and everything, gives nothing;
    stalled: passes nothing on now, but keeps it. All may be changed at any time. reset() cuts the connection with RST,
    inject() says something in the target's place. A target that is away is passed on as a connection that ends at once.
    """

    def __init__(self, target: int, *, chunk: int = 0, burst: int = 0, loss: float = 0.0) -> None:
        self.chunk = chunk
        self.burst = burst
        self.loss = loss
        self.swallow = False
        self.stalled = False
        self.lost = 0
        self.connections = 0
        self._target = target
        self._random = random.Random(7)
        self._injected = b""
        self._cut = False
        self._stopping = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join(5)
        self._listener.close()

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Cut the connection; the next one is served."""
        self._cut = True

    def inject(self, data: bytes) -> None:
        """Bytes the target never sent; on the connection there is now, or the next."""
        self._injected = data

    def _serve(self) -> None:
        self._listener.settimeout(0.05)
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                self.connections += 1
                self._cut = False
                there = ("127.0.0.1", self._target)
                with client, contextlib.suppress(OSError), socket.create_connection(there) as line:
                    self._pass(client, line, deaf=self.swallow)

    def _pass(self, client: socket.socket, line: socket.socket, deaf: bool) -> None:
        """Until one end closes. A connection made while `swallow` was on stays deaf, as a half-open one does."""
        held = bytearray()
        since = time.monotonic()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with selectors.DefaultSelector() as selector:
            for end in (client, line):
                selector.register(end, selectors.EVENT_READ)
            while not self._stopping:
                if self._cut:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                deaf = deaf or self.swallow
                if self._injected:
                    held += self._injected
                    self._injected = b""
                for key, _ in selector.select(0.02):
                    data = key.fileobj.recv(4096)
                    if not data:
                        return
                    if deaf:
                        continue
                    if key.fileobj is client:
                        line.sendall(data)
                    else:
                        since = since if held else time.monotonic()
                        held += self._kept(data)
                waits = self.burst and len(held) < self.burst and time.monotonic() - since < 0.3
                if held and not self.stalled and not waits:
                    size = self.chunk or len(held)
                    for at in range(0, len(held), size):
                        client.sendall(held[at : at + size])
                    held.clear()

    def _kept(self, data: bytes) -> bytes:
        if not self.loss:
            return data
        kept = bytes(byte for byte in data if self._random.random() >= self.loss)
        self.lost += len(data) - len(kept)
        return kept
