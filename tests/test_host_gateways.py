"""Gateways in real time: a simulated line behind a TCP proxy that chops, delays, cuts, swallows and loses bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from host_rig import Rig
from tcp_proxy import Proxy

from jkbridge import ports
from jkbridge.simulator import Server, make_line
from jkcore import gateway as gw


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits: between attempts to open, and of silence."""
    monkeypatch.setattr(ports, "_BACKOFF_FIRST", 0.2)
    monkeypatch.setattr(ports, "_SELECT", 0.05)
    monkeypatch.setattr(gw, "_SILENCE", 3000)
    monkeypatch.setattr(gw, "_AGAIN", 4000)


@pytest.fixture
def line() -> Iterator[Server]:
    with Server(make_line([1, 2, 3], stories=((),), latency_ms=(10, 10)), tcp="127.0.0.1:0") as server:
        yield server


def rig(proxy: Proxy) -> Rig:
    return Rig([{"port": proxy.url, "packs": [1, 2, 3]}])


def all_online(run: Rig) -> bool:
    return run.online() == ["1", "2", "3"]


@pytest.mark.parametrize("how", [{"chunk": 1}, {"burst": 2048}], ids=["single bytes", "2 kB bursts"])
def test_chunking_is_harmless(line: Server, how: dict) -> None:
    with Proxy(line.tcp_port, **how) as proxy, rig(proxy) as run:
        began = run.run(15, lambda: all_online(run))
        run.run(5)
        count = run.compare(line)
        print(f"{how}: all online after {began:.1f} s, {count} live messages, all true")
        assert count >= 6
        assert run.ports[0].reopened == 0
        assert run.bridge.buses[0].gateway.faults == 0


def test_a_stall_and_resets_are_survived(line: Server) -> None:
    with Proxy(line.tcp_port) as proxy, rig(proxy) as run:
        run.run(15, lambda: all_online(run))
        proxy.stalled = True
        run.run(2.5)  # shorter than the (shortened) limit: what was held back comes in one burst
        proxy.stalled = False
        mark = time.monotonic()
        back = run.run(10, lambda: all(run.live(str(a), mark) for a in (1, 2, 3)))
        print(f"stall of 2.5 s: all back after {back:.1f} s")
        assert run.ports[0].reopened == 0
        for _ in range(2):
            proxy.reset()
            run.run(5, lambda: not run.bridge.buses[0].is_open)
            mark = time.monotonic()
            back = run.run(15, lambda m=mark: all(run.live(str(a), m) for a in (1, 2, 3)))
            print(f"connection reset: all back after {back:.1f} s")
        assert run.ports[0].reopened == 2
        assert run.compare(line) > 6


def test_half_open_connections_are_noticed_by_silence(line: Server) -> None:
    with Proxy(line.tcp_port) as proxy, rig(proxy) as run:
        run.run(15, lambda: all_online(run))
        proxy.swallow = True
        run.run(15, lambda: run.ports[0].reopened >= 2)  # for ever: the second connection is deaf, too
        assert len([text for text in run.log.at(30) if "nothing has come over the network" in text]) == 1
        proxy.swallow = False
        mark = time.monotonic()
        back = run.run(15, lambda: all(run.live(str(a), mark) for a in (1, 2, 3)))
        print(f"half-open for {run.ports[0].reopened} openings: all back {back:.1f} s after the gateway was well again")
        assert any("bytes come over the network again" in text for text in run.log.at(20))
        assert run.bridge.buses[0].gateway.faults == 0
        assert sum("is open" in text for text in run.log.at(20)) == 1
        assert run.compare(line) > 3


@pytest.mark.parametrize("loss", [0.001, 0.01])
def test_lost_bytes_never_become_values(line: Server, loss: float) -> None:
    with Proxy(line.tcp_port) as proxy, rig(proxy) as run:
        run.run(15, lambda: all_online(run))
        proxy.loss = loss
        run.run(8)
        proxy.loss = 0.0
        mark = time.monotonic()
        back = run.run(15, lambda: all(run.live(str(a), mark) for a in (1, 2, 3)))
        count = run.compare(line)
        print(f"{proxy.lost} bytes lost ({loss:.1%}): {count} live messages, all true; all back {back:.1f} s later")
        assert proxy.lost
        assert run.ports[0].reopened == 0
