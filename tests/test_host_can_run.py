"""CAN on the host: the simulator's bus over python-can into the loop, and `jkbridge run` as a process."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from host_fakes import until
from host_rig import Rig
from test_host_run import Bridge

from jkbridge.can_feed import CanLine
from jkbridge.simulator import CanServer, make_can
from jkcore.canbus import CanBus

GROUP = "239.74.163.40"


class CanRig(Rig):
    """A Rig whose first bus is CAN."""

    def __init__(self, channel: str) -> None:
        super().__init__([{"kind": "can", "interface": "virtual", "channel": channel}])


def live(rig: Rig, pack: str) -> list[dict]:
    return [json.loads(payload) for _, topic, payload in rig.published if topic == f"jkbms/{pack}/live"]


def test_frames_of_a_python_can_bus_are_published():
    line = make_can([0, 5], cells=8)
    with CanServer(line, "virtual", "rig") as server, CanRig("rig") as rig:
        rig.run(20, lambda: live(rig, "0") and live(rig, "5") and "cell_voltage_8" in live(rig, "5")[-1])
        with server.lock:
            truth = line.packs[5].truth(server.now_ms())
        assert abs(live(rig, "5")[-1]["pack_voltage"] * 1000 - truth["pack_voltage"]) <= 300
    assert rig.bridge.buses[0].rejects[0] == 0


def test_an_interface_that_cannot_be_opened_closes_the_bus_with_a_sentence():
    line = CanLine("socketcan", "can99", 0, lambda level, text: None, lambda: None)
    bus = CanBus({"kind": "can"}, [], 1000, lambda level, text: None, None)
    from jkbridge import can_feed

    line.start()
    try:
        until(lambda: bus.reason != "not opened yet" or _serve(can_feed, bus, line), 10)
    finally:
        line.stop()
        line.close()
    assert bus.state() == "closed"
    assert "can99" in bus.reason


def _serve(can_feed, bus, line) -> bool:
    event = line.poll()
    if event is not None:
        can_feed.serve(bus, event, 0)
    return False


def test_trouble_on_an_open_bus_is_told_and_taken_back():
    from jkbridge import can_feed
    from jkbridge.can_frame import CanEvent

    bus = CanBus({"kind": "can"}, [], 1000, lambda level, text: None, None)
    can_feed.serve(bus, CanEvent("opened", 0), 0)
    can_feed.serve(bus, CanEvent("state", 0, reason="nobody acknowledges"), 0)
    assert bus.evidence.verdict == "nobody acknowledges"
    can_feed.serve(bus, CanEvent("state", 0), 0)
    assert bus.evidence.verdict is None
    with pytest.raises(AssertionError):
        CanLine("virtual", "x", 0, lambda level, text: None, lambda: None).write(bytearray(1), 1)


def test_jkbridge_run_hears_packs_on_can(tmp_path: Path, broker, subscriber):
    pytest.importorskip("msgpack")
    bus = {"kind": "can", "interface": "udp_multicast", "channel": GROUP}
    (tmp_path / "c.json").write_text(json.dumps({"bus": bus, "interval": 1}))
    try:
        server = CanServer(make_can([0, 2]), "udp_multicast", GROUP).start()
    except OSError as error:
        pytest.skip(f"this machine has no multicast: {error}")
    bridge = Bridge(tmp_path, "--config", str(tmp_path / "c.json"), "--broker", f"127.0.0.1:{broker.port}")
    try:
        bridge.says("pack 0 online: 16 cells", "pack 2 online: 16 cells")
        live = json.loads(subscriber.wait_topic("jkbms/2/live").payload)
        assert live["cell_count"] == 16
        assert bridge.ends(signal.SIGTERM) == 0
    finally:
        bridge.process.kill()
        server.stop()
    assert f"Packs as they are heard on udp_multicast:{GROUP}" in bridge.text()
    assert [m.payload for m in subscriber.of("jkbms/2/availability")][-1] == b"offline"
