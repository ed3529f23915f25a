"""The watch on a gateway takes no heap on the way of a frame, and works the same on both interpreters."""

from jkcore import gateway

ANSWER = bytes(308)
MBAP = b"\x00\x01\x00\x00\x00\x03\x01\x90\x01"


def said():
    lines = []
    return lines, lambda level, text: lines.append((level, text))


def exchanges(watch, now):
    for _ in range(100):
        watch.sent(now)
        watch.heard(ANSWER, 300, now)
        watch.heard(ANSWER, 8, now)
        watch.good(now)
        watch.foreign(True, 1, now)
        watch.wants_reopen(True, now)
        watch.wants_reopen(False, now)


def test_an_exchange_takes_no_heap():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        heap_lock = heap_unlock = int
    lines, log = said()
    watch = gateway.Gateway("tcp://gateway:8899", log)
    watch.opened(0x3FFFFFFF)
    exchanges(watch, 5)
    heap_lock()
    try:
        exchanges(watch, 6)
    finally:
        heap_unlock()
    assert watch.faults == 0 and lines == []


def test_silence_and_modbus_tcp_are_found():
    lines, log = said()
    watch = gateway.Gateway("tcp://gateway:8899", log)
    watch.opened(0x3FFFFF00)
    for now in range(0, 40000, 1000):
        watch.sent(now)
        reason = watch.wants_reopen(True, now)
        assert (reason != "") == (now == 30000), now
        if reason:
            assert "tcp://gateway:8899" in reason and "30 s" in reason
            break
    watch.closed(30100)
    watch.opened(31000)
    for now in range(32000, 36000, 1000):
        watch.sent(now)
        watch.heard(MBAP, len(MBAP), now)
    assert watch.faults == gateway.MODBUS_TCP
    assert [level for level, _ in lines] == [30, 20, 30]
