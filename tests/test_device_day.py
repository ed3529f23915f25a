"""A day of the device's program in a minute: day_rig.py on the unix port, with a clock, packs and a broker of its own.

The clock wraps in the third hour, so the heap is compared across it.
"""

from __future__ import annotations

import json

import mp
import pytest

HOURS = 24
PACKS = 2
INTERVAL = 20
TURN_MS = 400  # both packs, with settings and about
BIRTHS = range(1, HOURS, 2)
CUTS = range(4, HOURS, 4)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    path = (mp.SHARED, mp.require_umqtt(), mp.FIRMWARE)
    folder = tmp_path_factory.mktemp("day")
    done = mp.run_unix(mp.ROOT / "tests" / "day_rig.py", (HOURS, PACKS, INTERVAL), path=path, cwd=folder, timeout=600)
    print(done.stdout)
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    found = json.loads(done.stdout.splitlines()[-1])
    assert (folder / "config.good.json").exists()
    return found


def test_the_heap_does_not_grow(day):
    assert set(day["heap"][2:]) == {day["heap"][2]}


def test_every_pack_is_asked_at_its_interval_without_drift(day):
    """Its n-th question n intervals after the first, give or take a turn."""
    expected = (HOURS * 3600 - 60) // INTERVAL
    for count, early, late in zip(day["count"], day["early"], day["late"], strict=True):
        assert abs(count - expected) <= 1
        assert early >= -TURN_MS
        assert late <= TURN_MS


def test_every_answer_is_published_but_while_the_broker_is_lost(day):
    """The newest values are sent again after an announcement."""
    for asked, live in zip(day["count"], day["live"], strict=True):
        assert asked - len(CUTS) <= live <= asked + 5 * (1 + len(CUTS) + len(BIRTHS))
    assert day["health"]["messages_dropped"] == 0


def test_packet_ids_wrap(day):
    assert [day["wanted"][hour] for hour in BIRTHS] == [*range(65530, 65536), *range(1, 7)]
    assert day["acknowledged"] == day["wanted"]


def test_everything_is_announced_again_at_every_birth_and_connection_and_never_else(day):
    announced = day["discovery"]
    assert announced[1] > 50
    for hour in range(1, HOURS):
        assert announced[hour] == (announced[1] if hour in BIRTHS or hour in CUTS else 0), hour


def test_the_broker_is_back_after_every_cut_and_hears_offline_only_at_the_end(day):
    assert day["connections"] == 1 + len(CUTS)
    assert day["health"]["mqtt_reconnects"] == len(CUTS)
    assert [hour for hour in range(HOURS + 1) if day["online"][hour]] == [0, *CUTS]
    assert max(day["online"]) == 1
    assert day["offline"] == [0] * HOURS + [1]


def test_uptime_and_watchdog(day):
    assert 86400 - 30 < day["health"]["uptime"] <= 86400
    assert day["hungry"] < 1000  # ms without a feed
    assert day["status"] == 0
    assert day["resets"] == 0
