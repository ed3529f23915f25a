"""main.py on a board with WiFi, and with TLS, on the unix port: a fake radio, real sockets, a real mosquitto."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import mp
import pytest
from certificates import Authority
from mosquitto import Broker, Subscriber
from test_device_end_to_end import Device, all_online, line, no_traceback, requests  # noqa: F401

BOARD = mp.ROOT / "tests" / "wifi_board"
WIFI = {"ssid": "house", "password": "PlantWifi99"}


class WifiDevice(Device):
    """On the board with the radio."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        shutil.copy(BOARD / "board.py", folder / "board.py")
        self.path = [*self.path, mp.SHARED, BOARD]

    def air(self, *points: str) -> None:
        new = self.folder / "new.txt"
        new.write_text("".join(f"{point}\n" for point in points))
        new.rename(self.folder / "air.txt")


@pytest.fixture
def wifi(tmp_path):
    made = WifiDevice(tmp_path / "device")
    yield made
    made.close()
    print(made.said() if made.output.exists() else "(never started)")


@pytest.fixture
def device(tmp_path):
    made = Device(tmp_path / "device")
    yield made
    made.close()
    print(made.said() if made.output.exists() else "(never started)")


def test_joins_publishes_loses_the_wifi_and_comes_back(wifi, line, broker, subscriber):  # noqa: F811
    wifi.air("house PlantWifi99")
    wifi.configure(line.tcp_port, broker.port, wifi=WIFI)
    wifi.start()
    all_online(subscriber)
    assert "The WiFi is joined, address 127.0.0.1, signal -61 dBm." in wifi.said()
    health = json.loads(subscriber.wait_topic("jkbms/bridge/health", timeout=20).payload)
    assert health["network_losses"] == 0
    assert health["rssi"] == -61
    assert health["blocking_longest"] < 500
    for _ in range(2):
        wifi.air()
        wifi.wait_said("The WiFi is lost. The batteries are read on.")
        wifi.wait_said("is lost: WiFi is gone")
        subscriber.wait_topic("jkbms/bridge/state", b"offline", 15)
        asked = requests(line)
        time.sleep(1.5)
        assert requests(line) > asked
        mark = len(subscriber.messages)
        wifi.air("house PlantWifi99")
        all_online(subscriber, mark, 40)
    info = subscriber.of("jkbms/bridge/info")[-1].payload
    assert b"PlantWifi99" not in info
    assert b"house" not in info
    assert wifi.end(signal.SIGINT) == 0
    assert "PlantWifi99" not in wifi.said()
    no_traceback(wifi)


def test_over_wifi_and_tls_at_once(wifi, line, tmp_path):  # noqa: F811
    with Broker(tmp_path / "tls", tls=True) as broker:
        wifi.air("house PlantWifi99")
        keys = {"host": "127.0.0.1", "port": broker.port, "tls": True, "ca": str(broker.ca)}
        wifi.configure(line.tcp_port, 0, mqtt=keys, wifi=WIFI)
        wifi.start()
        with Subscriber(broker, "jkbms/#") as heard:
            all_online(heard)
            wifi.air()
            heard.wait_topic("jkbms/bridge/state", b"offline", 15)
            mark = len(heard.messages)
            wifi.air("house PlantWifi99")
            all_online(heard, mark, 40)
    no_traceback(wifi)


def test_a_wrong_wifi_password_is_said_and_the_batteries_are_read(wifi, line, broker):  # noqa: F811
    wifi.air("house another")
    wifi.configure(line.tcp_port, broker.port, wifi=WIFI)
    wifi.start()
    wifi.wait_said("WiFi: the password is wrong: check wifi.password. Next try in")
    asked = requests(line)
    time.sleep(1.5)
    assert requests(line) > asked
    assert "MQTT broker" not in wifi.said()
    no_traceback(wifi)


def test_a_board_with_wifi_needs_its_name(wifi, line):  # noqa: F811
    wifi.configure(line.tcp_port, 1)
    status, said = wifi.run()
    assert status == 1
    assert 'wifi.ssid is missing: board wifi-bench reaches the broker over WiFi. Example: "wifi"' in said


def test_a_board_without_wifi_must_not_have_one(device, line):  # noqa: F811
    device.configure(line.tcp_port, 1, wifi=WIFI)
    status, said = device.run()
    assert status == 1
    assert "wifi.ssid is set, but board desktop has the network of its system: remove wifi." in said


@pytest.mark.parametrize("client", [False, True])
def test_over_tls_with_a_name_and_a_certificate(device, line, tmp_path, client):  # noqa: F811
    with Broker(tmp_path / "tls", tls=True, client_certificates=client) as broker:
        keys = {"host": "localhost", "port": broker.port, "tls": True, "ca": str(broker.ca), "keepalive": 5}
        if client:
            keys |= {"cert": str(broker.client_cert), "key": str(broker.client_key)}
        device.configure(line.tcp_port, 0, mqtt=keys)
        device.start()
        with Subscriber(broker, "jkbms/#") as heard:
            all_online(heard)
            for times in (2, 3):
                mark = len(heard.messages)
                broker.kill()
                device.wait_said("is lost")
                broker.start()
                heard.wait_subscribed(times)
                all_online(heard, mark, 60)
        assert device.end(signal.SIGINT) == 0
    no_traceback(device)


def test_a_broker_with_another_certificate_is_refused(device, line, tmp_path):  # noqa: F811
    other = Authority(tmp_path / "other")
    with Broker(tmp_path / "tls", tls=True) as broker:
        keys = {"host": "localhost", "port": broker.port, "tls": True, "ca": str(other.ca)}
        device.configure(line.tcp_port, 0, mqtt=keys)
        device.start()
        device.wait_said("its certificate is not one of mqtt.ca")
        with Subscriber(broker, "jkbms/#") as heard:
            time.sleep(3)
            assert heard.messages == []
    no_traceback(device)


def test_a_port_without_tls_is_said(device, line, broker):  # noqa: F811
    folder = device.folder / "authority"
    keys = {"host": "127.0.0.1", "port": broker.port, "tls": True, "ca": str(Authority(folder).ca)}
    device.configure(line.tcp_port, 0, mqtt=keys)
    device.start()
    device.wait_said("cannot be used", 30)
    assert "TLS" in device.said() or "closed" in device.said() or "cut" in device.said()
    no_traceback(device)


def test_a_certificate_that_is_none_is_explained(device, line):  # noqa: F811
    (device.folder / "ca.crt").write_text("nothing of the kind")
    for ca, words in (("ca.crt", "holds no certificate"), ("gone.crt", "mpremote fs cp gone.crt :gone.crt + reset")):
        device.configure(line.tcp_port, 0, mqtt={"host": "localhost", "tls": True, "ca": ca})
        status, said = device.run()
        assert status == 1
        assert words in said
    no_traceback(device)
