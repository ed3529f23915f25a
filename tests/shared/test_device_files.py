"""Configuration file, console and board of the device's side; on CPython and on MicroPython."""

from jkcore import log
from jkdevice import files, hardware
from jkdevice.console import Console


def complaint(data):
    try:
        files.parse(data, "config.json")
    except files.FileError as error:
        return str(error)
    return None


def test_what_is_json_is_read():
    assert files.parse(b'{"mqtt": {"host": "a"}, "interval": 5}', "x") == {"mqtt": {"host": "a"}, "interval": 5}
    assert files.parse(b'\xef\xbb\xbf{"base": "k\xc3\xbcche"}\n', "x") == {"base": "küche"}


def test_a_mistake_is_said_with_its_place():
    for data, line in (
        (b'{\n  "interval": five\n}\n', "line 2"),
        (b'{\n  "mqtt": {\n    "host": 192.168.1.10\n  }\n}\n', "line 3"),
        (b"{\n  'mqtt': {}\n}", "line 2"),
        (b'{"interval": 5}\nand more', "line 2"),
    ):
        text = complaint(data)
        assert text is not None, data
        assert text.startswith("config.json is not JSON: look at " + line), (data, text)


def test_a_file_cut_short_is_said():
    for data in (b"", b"{", b'{"a": 1', b'{"mqtt": {"host": "a"}\n', b'{"a": "b'):
        text = complaint(data)
        assert text is not None, data
        assert "its end does not fit" in text or "line 1" in text, text
    assert "its end does not fit" in complaint(b'{"mqtt": {"host": "a"}\n')


def test_something_behind_the_end_is_not_taken_for_an_early_end():
    for data in (b'{"mqtt": {"host": "a"}} x', b'{"flat": tru}'):
        text = complaint(data)
        assert 'is something behind the last "}"?' in text or "line 1" in text, text


def test_a_file_that_is_not_utf8_is_said():
    # As an editor on Windows saves it.
    for data in (b'{"wifi": {"ssid": "M\xfcller"}}', b'{"base": "k\xfcche"}'):
        assert "save it as UTF-8" in complaint(data), data


def test_a_missing_file_is_said_with_an_example():
    try:
        files.read_config("/no/such/folder/config.json")
    except files.FileError as error:
        assert "/no/such/folder/config.json is missing" in str(error)
        assert '{"mqtt": {"host": "192.168.1.10"}}' in str(error)
    else:
        raise AssertionError("read a file that is not there")


def test_console_lines_and_levels():
    lines = []
    console = Console(log.INFO, lambda: 12345, lines.append)
    console(log.DEBUG, "no")
    console(log.INFO, "up")
    console(log.WARNING, "look")
    console(log.FATAL, "end")
    assert lines == ["     12345 info    up", "     12345 warning look", "     12345 fatal   end"]


class Board:
    NAME = "test"
    SERIAL = (("a", 1, 17, 16, 4, 1), ("b", 2, 25, 26, None, 0))
    CAN = (("c", "twai", "esp32", 27, 26),)
    POWER = ()
    WATCHDOG_MS = 0


def test_a_line_is_chosen_by_its_name():
    assert hardware.serial_row(Board, "")[0] == "a"
    assert hardware.serial_row(Board, "b")[1:] == (2, 25, 26, None, 0)
    try:
        hardware.serial_row(Board, "/dev/ttyUSB0")
    except hardware.BoardError as error:
        assert '"/dev/ttyUSB0" is not a line of board test: it has "a", "b"' in str(error)
    else:
        raise AssertionError("found a line that is not there")
    try:
        hardware.serial_row(Board, "c")
        raise AssertionError("taken for RS485")
    except hardware.BoardError as error:
        assert '"c" is a CAN line of board test' in str(error)
        assert 'Example: "kind": "can", "port": "c"' in str(error)


def test_a_board_without_lines_of_its_own_wants_an_address():
    class Bus:
        config = {"port": "", "kind": "serial"}

    class Bare(Board):
        SERIAL = ()

    try:
        hardware.open_port(Bus, Bare, None)
        raise AssertionError("opened")
    except hardware.BoardError as error:
        assert str(error).startswith("bus.port is missing: board test has lines on TCP only. ")


def test_no_watchdog_and_no_power_pins_where_there_are_none():
    assert hardware.open_watchdog(Board) is None
    hardware.power_up(Board)
