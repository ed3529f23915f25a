"""Bad starts, safe mode and kept tracebacks with files in a dict; on CPython and on MicroPython."""

import sys

from jkdevice import boots, tracebacks


class Files:
    """Stands for jkdevice.files; counts what is written."""

    def __init__(self):
        self.kept = {}
        self.writes = 0

    def load(self, path):
        return self.kept.get(path)

    def content(self, path):
        return self.kept.get(path)

    def replace(self, path, value):
        self.writes += 1
        self.kept[path] = [list(row) if isinstance(row, list) else row for row in value]

    def remove(self, path):
        self.kept.pop(path, None)


def flash():
    files = Files()
    boots.files = tracebacks.files = files
    return files


def bad_start(watchdog=False):
    mode = boots.begin(watchdog)[0]
    boots.failed("error", False)
    return mode


def test_a_good_start_writes_nothing():
    files = flash()
    for _ in range(3):
        assert boots.begin(False) == (boots.NORMAL, "")
    assert files.writes == 0
    assert not boots.is_doubted()


def test_the_sixth_start_is_safe_and_the_others_are_not():
    flash()
    assert [bad_start() for _ in range(5)] == [boots.NORMAL] * 5
    for _ in range(3):  # a power cut changes nothing
        assert boots.begin(False) == (boots.SAFE, "error")


def test_four_bad_starts_and_a_good_one_count_from_the_beginning():
    flash()
    for _ in range(4):
        bad_start()
    boots.begin(False)
    boots.settled()
    assert [bad_start() for _ in range(5)] == [boots.NORMAL] * 5


def test_one_try_in_normal_mode_is_one():
    flash()
    for _ in range(5):
        bad_start()
    boots.begin(False)
    boots.order(boots.NORMAL)
    assert bad_start() == boots.NORMAL
    assert boots.begin(False)[0] == boots.SAFE
    boots.order(boots.NORMAL)
    assert boots.begin(False)[0] == boots.NORMAL
    assert boots.begin(False)[0] == boots.SAFE  # the power was cut in the try
    boots.order(boots.NORMAL)
    boots.begin(False)
    assert boots.failed("late", True) == 0  # it had lasted a minute
    assert boots.begin(False) == (boots.NORMAL, "")


def test_an_error_in_safe_mode_leads_to_the_console():
    flash()
    for _ in range(5):
        bad_start()
    for late in (False, True):
        assert boots.begin(False)[0] == boots.SAFE
        boots.failed("error of safe mode", late)
        assert boots.begin(False)[0] == boots.CONSOLE


def test_a_watchdog_reset_alone_does_not_count():
    """It may have come after days. Only out of a start that is watched since an earlier one it does."""
    files = flash()
    assert boots.begin(True)[0] == boots.NORMAL
    boots.settled()
    assert boots.begin(True)[0] == boots.NORMAL
    assert files.kept[boots.FILE][0] == 0
    for _ in range(4):
        assert boots.begin(True)[0] == boots.NORMAL
    assert boots.begin(True) == (boots.SAFE, boots.HUNG)


def test_where_every_restart_looks_like_the_watchdogs_an_error_counts_once():
    files = flash()  # a Pico
    for count in range(1, 6):
        assert bad_start(watchdog=True) == boots.NORMAL
        assert files.kept[boots.FILE][0] == count
    assert boots.begin(True)[0] == boots.SAFE
    assert boots.begin(True)[0] == boots.SAFE


def test_an_end_on_purpose_is_no_hang():
    """A Pico that is restarted by the program or by hand says "watchdog" every time."""
    files = flash()
    for _ in range(8):
        assert boots.begin(True) == (boots.NORMAL, "")
        boots.leave()
        assert not boots.is_doubted()
    bad_start(watchdog=True)
    for _ in range(8):
        assert boots.begin(True)[0] == boots.NORMAL
        boots.leave()
        assert files.kept[boots.FILE][0] == 1
    writes = files.writes
    boots.leave()
    assert files.writes == writes


def test_what_is_no_record_counts_as_none():
    for value in (None, 5, "x", [], [6, True, 1, ""], [-1, True, 1, ""], [5, True, 3, ""], [True, True, 1, ""], {}):
        files = flash()
        files.kept[boots.FILE] = value
        assert boots.begin(False) == (boots.NORMAL, "")


# Tracebacks


def fail(depth, text):
    if depth:
        fail(depth - 1, text)
    raise ValueError(text)


def caught(depth, text):
    try:
        fail(depth, text)
    except ValueError as error:
        return error


def text_of(error, secrets=()):
    if not hasattr(sys, "print_exception"):  # CPython
        import traceback

        sys.print_exception = lambda e, out: traceback.print_exception(e, file=out)
        try:
            return tracebacks.text_of(error, secrets)
        finally:
            del sys.print_exception
    return tracebacks.text_of(error, secrets)


def test_a_traceback_says_where_and_what():
    text = text_of(caught(0, "broken"))
    assert text.startswith("Traceback (most recent call last):\n  File ")
    assert text.endswith("\nValueError: broken")


def test_a_long_one_keeps_its_end():
    for error in (caught(30, "broken"), caught(0, "x" * 5000 + " broken")):
        text = text_of(error)
        assert len(text) <= tracebacks.LONGEST + 3
        assert text.endswith("broken")


def test_no_secret_is_in_it_whatever_it_looks_like():
    words = tracebacks.secrets_of([
        {"mqtt": {"user": "jk", "password": "it's \\ me\n", "host": "broker"}},
        {"wifi": [{"ssid": "Villa 7", "hostname": "garage", "psk": "open sesame"}]}, None,
        {"mqtt": {"password": "", "user": None}},
    ])  # fmt: skip
    assert len(words) == 5
    assert "garage" not in words
    assert len(words[0]) >= len(words[-1]) == 2
    for secret in ("jk", "Villa 7", "it's \\ me\n", "open sesame"):
        for shown in (secret, repr(secret)):
            text = text_of(caught(0, "refused: " + shown + " here"), words)
            assert secret not in text.split("ValueError")[1]
            assert repr(secret)[1:-1] not in text.split("ValueError")[1]
            assert "here" in text
    assert "/home/open sesame/" not in tracebacks.hide('  File "/home/open sesame/jkcore.py", line 1', words)
    # A short one is part of many names
    assert tracebacks.hide('  File "jkcore.bridge", line 1\njk', words) == '  File "jkcore.bridge", line 1\n***'


class Message:
    def __init__(self):
        from jkcore.message import Message

        self.message = Message()

    def told(self):
        import json

        row = tracebacks.untold()
        if row is None:
            return None
        tracebacks.tell(row, self.message, b"jkbms/")
        topic = bytes(self.message.buf[7 : self.message.topic_end])
        payload = bytes(self.message.buf[self.message.topic_end : self.message.end])
        return topic, json.loads(payload.decode()), self.message.retain


def test_each_is_told_once_and_three_are_kept():
    flash()
    texts = ['Traceback\n  File "a", line ' + str(n) + "\nError: \\ \x01é" for n in range(5)]
    for text in texts:
        tracebacks.keep(text, 12)
    message = Message()
    for n in range(2, 5):
        topic, payload, retain = message.told()
        assert topic == b"jkbms/bridge/event"
        assert not retain
        assert payload["event_type"] == "error"
        assert payload["traceback"] == texts[n].replace("\x01", "?")
        assert payload["uptime"] == 12
    assert message.told() is None
    assert len(tracebacks.read()) == 3


def test_the_longest_fits_into_a_message():
    flash()
    tracebacks.keep('"' * tracebacks.LONGEST, 1)
    message = Message()
    assert message.told()[1]["traceback"] == '"' * tracebacks.LONGEST
    assert not message.message.overflow


def test_the_same_one_again_is_counted_and_in_the_end_not_even_written():
    files = flash()
    for n in range(100):
        tracebacks.keep("the same", n)
    assert files.writes == tracebacks.MOST
    assert [row[2] for row in tracebacks.read()] == [tracebacks.MOST]
    tracebacks.keep("another", 1)
    tracebacks.keep("the same", 2)
    assert [row[2] for row in tracebacks.read()] == [tracebacks.MOST, 1, 1]


def test_rows_that_are_broken_are_left_out():
    files = flash()
    good = ["1.0", 5, 1, False, "text"]
    files.kept[tracebacks.FILE] = [5, [], ["1.0", "5", 1, False, "text"], good, None]
    assert tracebacks.read() == [good]
    files.kept[tracebacks.FILE] = {"a": 1}
    assert tracebacks.read() == []
