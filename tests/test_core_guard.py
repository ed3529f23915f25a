"""Two bridges on one topic base: the second is refused with a sentence, whoever is gone is replaced, wills are mended.

Houses on a broker in memory (core_broker.py); each house has its own line and its own clock.
"""

from __future__ import annotations

import itertools

import pytest
from core_broker import MiniBroker
from core_house import House


def house(instance: bytes, start: int = 1000, **more) -> House:
    return House([1], connect=False, instance=instance, start=start, **more)


def told_by(broker: MiniBroker, sender: House, since: int = 0) -> list[str]:
    """Topics that a house published under the base (discovery aside), in the order of arrival from number `since`."""
    return [m.topic for who, m in broker.seen[since:] if who is sender and m.topic.startswith("jkbms/")]


def errors(one: House) -> list[str]:
    return [s.text for s in one.said if s.level >= 40]


def running(broker: MiniBroker, one: House, seconds: float = 40) -> House:
    broker.join(one)
    broker.run([one], seconds)
    assert broker.retained["jkbms/bridge/state"] == "online"
    return one


def test_alone_a_bridge_publishes_after_a_second():
    broker = MiniBroker()
    a = house(b"aaaaaaaa")
    broker.join(a)
    broker.run([a], 0.9)
    assert broker.seen == []
    broker.run([a], 0.6)
    assert told_by(broker, a)
    assert errors(a) == []


def test_its_own_messages_do_not_frighten_it():
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"), 120)
    assert errors(a) == []
    assert len([t for t in told_by(broker, a) if t == "jkbms/1/live"]) > 20


@pytest.mark.parametrize(("first", "second"), [(b"aaaaaaaa", b"bbbbbbbb"), (b"bbbbbbbb", b"aaaaaaaa")])
def test_the_second_bridge_is_refused_with_a_sentence(first, second):
    broker = MiniBroker()
    a = running(broker, house(first))
    b = house(second, start=123_456)
    mark = len(broker.seen)
    broker.join(b)
    broker.run([a, b], 180)
    assert told_by(broker, b) == []
    assert [m for who, m in broker.seen[mark:] if who is b] == []
    assert len([t for t in told_by(broker, a, mark) if t == "jkbms/1/live"]) >= 30
    assert errors(a) == []
    said = errors(b)
    assert 1 <= len(said) <= 3
    assert "another bridge" in said[0]
    assert "'jkbms'" in said[0]
    assert first.decode() in said[0]
    assert "base" in said[0]


def test_the_refused_one_does_not_take_the_first_one_down_when_it_dies():
    """Both have the same will topic: the will of the refused one says offline, the first one mends that."""
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"))
    b = house(b"bbbbbbbb")
    broker.join(b)
    broker.run([a, b], 20)
    broker.lose(b)
    assert broker.retained["jkbms/bridge/state"] == "offline"
    broker.run([a], 1)
    assert broker.retained["jkbms/bridge/state"] == "online"
    assert errors(a) == []


def test_when_the_first_one_says_goodbye_the_second_takes_over():
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"))
    b = house(b"bbbbbbbb")
    broker.join(b)
    broker.run([a, b], 30)
    broker.leave(a)
    mark = len(broker.seen)
    broker.run([b], 15)
    assert told_by(broker, b, mark)
    assert broker.retained["jkbms/bridge/state"] == "online"
    assert "jkbms/1/live" in told_by(broker, b, mark)


def test_when_the_first_one_dies_the_second_takes_over():
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"))
    b = house(b"bbbbbbbb")
    broker.join(b)
    broker.run([a, b], 30)
    broker.lose(a)
    broker.run([b], 15)
    assert broker.retained["jkbms/bridge/state"] == "online"
    assert "jkbms/1/live" in told_by(broker, b)


def test_when_the_first_one_vanishes_without_a_will_the_second_takes_over_later():
    """The broker lost power with it: no will, no more health."""
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"))
    b = house(b"bbbbbbbb")
    broker.join(b)
    broker.run([a, b], 30)
    broker._gone(a)
    broker.run([b], 90)
    assert "jkbms/1/live" in told_by(broker, b)


def test_a_stale_online_is_doubted_and_then_taken_over():
    """Retained "online" of a bridge that is no more: a sign of life is waited for, then the base is ours."""
    broker = MiniBroker()
    broker.retained["jkbms/bridge/state"] = "online"
    broker.retained["jkbms/bridge/info"] = '{"version":"0.1.0","instance":"dddddddd"}'
    b = house(b"bbbbbbbb")
    broker.join(b)
    broker.run([b], 20)
    assert broker.seen == []
    assert any("jkbms" in w and "online" in w for w in b.warnings()), "the waiting is explained"
    broker.run([b], 20)
    assert told_by(broker, b)
    assert errors(b) == []


def test_after_a_clean_stop_the_next_run_begins_at_once():
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"))
    broker.leave(a)
    b = house(b"bbbbbbbb")
    mark = len(broker.seen)
    broker.join(b)
    broker.run([b], 2)
    assert told_by(broker, b, mark)
    assert errors(b) == []


def test_after_a_crash_the_next_run_begins_at_once():
    """The will said offline; info is still retained with the instance of the old run."""
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"))
    broker.lose(a)
    assert "jkbms/bridge/info" in broker.retained
    b = house(b"bbbbbbbb")
    broker.join(b)
    broker.run([b], 2)
    assert told_by(broker, b)
    assert errors(b) == []


def test_a_reconnection_of_the_same_run_needs_no_new_look():
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"))
    broker._gone(a)  # the connection is cut; its will has not spoken yet
    a.elapsed += 5000
    mark = len(broker.seen)
    broker.join(a)
    broker.run([a], 0.5)
    assert told_by(broker, a, mark)
    assert errors(a) == []


def test_our_own_late_will_is_mended():
    """The broker notices the dead old session only after the new one is up, and publishes its will."""
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"))
    broker._gone(a)
    a.elapsed += 3000
    broker.join(a)
    broker.run([a], 20)
    broker.deliver(None, type(broker.seen[0][1])(0, "jkbms/bridge/state", "offline", True))
    broker.run([a], 1)
    assert broker.retained["jkbms/bridge/state"] == "online"


def test_a_will_that_comes_during_the_announcement_is_mended():
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"))
    broker._gone(a)
    a.elapsed += 3000
    broker.join(a)
    broker.run([a], 1)
    broker.deliver(None, type(broker.seen[0][1])(0, "jkbms/bridge/state", "offline", True))
    broker.run([a], 30)
    assert broker.retained["jkbms/bridge/state"] == "online"


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations((b"aaaaaaaa", b"bbbbbbbb"))))
def test_two_bridges_started_at_the_same_moment(first, second):
    """One of them remains, always the same one, and the base ends up online."""
    broker = MiniBroker()
    a, b = house(first), house(second)
    broker.join(a)
    broker.join(b)
    broker.run([a, b], 60)
    mark = len(broker.seen)
    broker.run([a, b], 60)
    speaking = [one for one in (a, b) if told_by(broker, one, mark)]
    assert len(speaking) == 1
    assert speaking[0].bridge.instance == b"aaaaaaaa"
    silent = b if speaking[0] is a else a
    assert len(errors(silent)) >= 1
    assert broker.retained["jkbms/bridge/state"] == "online"
    # What the one that went silent had said is put right by the other.
    assert broker.retained["jkbms/1/availability"] == "online"


def test_another_base_is_another_matter():
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"))
    b = house(b"bbbbbbbb", base="other")
    broker.join(b)
    broker.run([a, b], 60)
    assert errors(a) == errors(b) == []
    assert broker.retained["other/bridge/state"] == "online"


def test_junk_on_the_guards_topics_is_survived():
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"))
    for topic in ("jkbms/bridge/state", "jkbms/bridge/health", "jkbms/bridge/info"):
        for payload in ("", "{}", '{"instance":}', '{"instance":"', '"instance":""', "\x00\xff", "offline", "x" * 512):
            for retained in (False, True):
                a.receive(topic, payload, retained)
                broker.run([a], 0.1)
        a.receive(topic, "x" * 513)
        a.receive(topic, "x" * 506 + '"instance":"bbbbbbbb"')  # cut in the middle of the word
        a.receive(topic, '{"instance":"bbbbbbbb"' + "x" * 600, True)  # retained: no sign of life
    broker.run([a], 30)
    assert broker.retained["jkbms/bridge/state"] == "online"
    assert errors(a) == []


def test_a_refused_bridge_that_is_stopped_says_nothing():
    broker = MiniBroker()
    a = running(broker, house(b"aaaaaaaa"))
    b = house(b"bbbbbbbb")
    broker.join(b)
    broker.run([a, b], 20)
    broker.leave(b)
    broker.run([a], 2)
    assert told_by(broker, b) == []
    assert broker.retained["jkbms/bridge/state"] == "online"
