"""Serves a simulated line in real time: on a pseudo-terminal like a USB adapter, on TCP like a gateway."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import threading
import time
from typing import Any

from .line import Line
from .slave import Truth

_IDLE_S = 0.25  # how long to rest when nothing is on the wire; any byte wakes at once
_CHUNK = 4096
_MOST_UNSENT = 65536  # a client that reads nothing loses bytes, like a serial line does


class Server:
    """Runs `line` in a thread of its own, with the wall clock.

    pty: True for a pseudo-terminal, or the path of a symbolic link to put on it; tcp: "host:port" (port 0
    picks a free one). Every byte from the line goes to the terminal and to all TCP clients; what any of them
    sends goes onto the line. After start(): pty_path, tcp_host, tcp_port. Use it as a context manager, or
    call start() and stop(); it runs once. Raises OSError with a sentence when a port or link cannot be had.

    `lock` must be held by anybody who touches the line (faults, truth, a bus master switched on) while the server runs;
    now_ms() is its clock; wake() lets it look at the line at once.
    """

    def __init__(self, line: Line, *, pty: bool | str = False, tcp: str | None = None) -> None:
        self.line = line
        self.lock = threading.RLock()
        self.pty_path: str | None = None
        self.tcp_host: str | None = None
        self.tcp_port: int | None = None
        self._pty = pty
        self._tcp = tcp
        self._master: int | None = None
        self._slave_end: int | None = None
        self._link: str | None = None
        self._listener: socket.socket | None = None
        self._clients: dict[socket.socket, bytearray] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @staticmethod
    def now_ms() -> int:
        """The clock the line is run with, ms wrapping at 30 bits."""
        return time.monotonic_ns() // 1_000_000 & 0x3FFFFFFF

    def start(self) -> Server:
        """Open the ports and turn the line from now on."""
        self._wake_in.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._drain_wake)
        try:
            if self._pty:
                self._open_pty()
            if self._tcp is not None:
                self._open_tcp(self._tcp)
        except OSError:
            self._close()
            raise
        self._thread = threading.Thread(target=self._turn, name="simulated line", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close all ports and end the thread. Calling it again does nothing."""
        if self._stopping:
            return
        self._stopping = True
        self.wake()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None
        self._close()

    @property
    def clients(self) -> int:
        """How many TCP clients are connected."""
        return len(self._clients)

    def truth(self, address: int, kind: str | None = None) -> Truth:
        """What pack `address` would say now; see Slave.truth."""
        with self.lock:
            return self.line.slaves[address].truth(self.now_ms(), kind)

    def wake(self) -> None:
        """Look at the line now, after something was changed on it; else that is noticed within 0.25 s."""
        with contextlib.suppress(OSError):
            self._wake_out.send(b"x")

    def drop_clients(self) -> None:
        """Cut every TCP connection, as a gateway that restarts does; new ones are accepted."""
        with self.lock:
            for client in self._clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)  # the thread sees the end and forgets the client

    # -- opening

    def _open_pty(self) -> None:
        import tty  # not there on Windows; only this path needs it

        self._master, self._slave_end = os.openpty()
        # Raw, so that no byte is echoed or translated. Our own hold on the slave end keeps the terminal alive
        # while no program has it open.
        tty.setraw(self._slave_end)
        os.set_blocking(self._master, False)
        self.pty_path = os.ttyname(self._slave_end)
        if isinstance(self._pty, str):
            self._put_link(self._pty)
        self._selector.register(self._master, selectors.EVENT_READ, self._from_pty)

    def _put_link(self, link: str) -> None:
        assert self.pty_path is not None
        try:
            if os.path.islink(link):
                os.unlink(link)
            os.symlink(self.pty_path, link)
        except OSError as error:
            raise OSError(
                error.errno,
                f"cannot put a link to the simulated port at {link}: {error.strerror}; "
                "choose a path that does not exist yet, in a folder you may write to",
            ) from None
        self._link = self.pty_path = link

    def _open_tcp(self, where: str) -> None:
        host, _, port = where.rpartition(":")
        host = host or "127.0.0.1"
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
            listener.listen()
        except OSError as error:
            listener.close()
            busy = error.errno == errno.EADDRINUSE
            reason = "another program uses it" if busy else error.strerror or str(error)
            raise OSError(
                error.errno,
                f"cannot listen on {host}:{port}: {reason}; choose another port, or 0 for any free one",
            ) from None
        listener.setblocking(False)
        self._listener = listener
        self.tcp_host, self.tcp_port = listener.getsockname()
        self._selector.register(listener, selectors.EVENT_READ, self._accept)

    def _close(self) -> None:
        for client in list(self._clients):
            self._drop(client)
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._link is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._link)
            self._link = None
        for end in (self._master, self._slave_end):
            if end is not None:
                os.close(end)
        self._master = self._slave_end = None
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    # -- turning

    def _turn(self) -> None:
        while not self._stopping:
            with self.lock:
                now = self.now_ms()
                data = self.line.read(now)
                due = self.line.due_ms(now)
            if data:
                self._to_everybody(data)
            rest = _IDLE_S if due is None else min(_IDLE_S, due / 1000)
            for key, _ in self._selector.select(rest):
                key.data(key.fileobj)

    def _drain_wake(self, _: Any) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_in.recv(64)

    def _to_line(self, data: bytes) -> None:
        with self.lock:
            self.line.write(data, self.now_ms())

    def _to_everybody(self, data: bytes) -> None:
        if self._master is not None:
            # A full terminal buffer means nobody reads: the bytes are lost, as on a cable without a listener.
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, data)
        for client, unsent in list(self._clients.items()):
            unsent += data
            del unsent[: max(0, len(unsent) - _MOST_UNSENT)]
            self._flush(client)

    def _from_pty(self, master: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._to_line(os.read(master, _CHUNK))

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # gone again before it was taken
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self._clients[client] = bytearray()
        self._selector.register(client, selectors.EVENT_READ, self._from_client)

    def _from_client(self, client: socket.socket) -> None:
        try:
            data = client.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._to_line(data)
        else:
            self._drop(client)

    def _flush(self, client: socket.socket) -> None:
        unsent = self._clients[client]
        try:
            while unsent:
                del unsent[: client.send(unsent)]
        except BlockingIOError:
            pass  # sent with the next bytes
        except OSError:
            self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        self._selector.unregister(client)
        with self.lock:
            del self._clients[client]
        client.close()
