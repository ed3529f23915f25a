"""Every version of umqtt.simple that can be had under the device's session: its tests, and the program at a broker."""

from __future__ import annotations

import signal

import mp
import pytest
from test_device_end_to_end import Device, all_online, device, line, no_traceback  # noqa: F401

MODULES = ["test_device_mqtt", "test_device_tls_session"]


@pytest.mark.parametrize("version", mp.UMQTT_VERSIONS)
def test_the_session(version):
    folder = mp.require(mp.umqtt_version(version))
    done = mp.run_unix(mp.RUNNER, MODULES, path=(*mp.DEFAULT_PATH, folder))
    assert done.returncode == 0, done.stdout
    print(done.stdout.splitlines()[-1])
    real = mp.run_unix("import device_fakes; print(len(device_fakes._real()))", path=(*mp.DEFAULT_PATH, folder))
    assert real.stdout == "1\n"  # beside the stand-ins


@pytest.mark.parametrize("version", mp.UMQTT_VERSIONS)
def test_the_program_at_a_real_broker(version, device: Device, line, broker, subscriber):  # noqa: F811
    device.path = [device.path[0], mp.require(mp.umqtt_version(version))]
    device.configure(line.tcp_port, broker.port, user="jk", password="any")
    device.start()
    all_online(subscriber)
    broker.kill()
    device.wait_said("is lost")
    mark = len(subscriber.messages)
    broker.start()
    subscriber.wait_subscribed(2)
    all_online(subscriber, mark)
    assert device.end(signal.SIGINT) == 0
    no_traceback(device)
