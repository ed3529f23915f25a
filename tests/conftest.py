"""Fixtures for all tests. Helpers with more to say live beside: mp.py, mosquitto.py, shared/recordings.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import recordings
from mosquitto import Broker, Subscriber, require_mosquitto

# Times per example vary with what else the machine does; the same examples every time in CI.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_configure() -> None:
    named = os.environ.get("JKBRIDGE_FRAMES")
    if named and not os.path.isdir(named):
        raise pytest.UsageError(f"FRAMES: there is no folder {named}; it should hold .hex files and expected/*.json")


def pytest_report_header() -> list[str]:
    folder = recordings.folder()
    return [f"python: {sys.executable}", f"recordings: {os.path.abspath(folder) if folder else 'none found'}"]


@pytest.fixture(scope="session")
def frames_dir() -> Path:
    """The folder of recordings (rs485/, can/); skips when it is absent."""
    folder = recordings.folder()
    if folder is None:
        pytest.skip("no recordings: ../shared/frames is absent; make test FRAMES=dir names another folder")
    return Path(folder).resolve()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A running mosquitto on a free loopback port, anonymous, without TLS; gone after the test."""
    require_mosquitto()
    with Broker(tmp_path / "mosquitto") as running:
        yield running


@pytest.fixture
def subscriber(broker: Broker) -> Iterator[Subscriber]:
    """An independent MQTT client (paho) that records everything published on `broker`."""
    with Subscriber(broker, "#") as listening:
        yield listening
