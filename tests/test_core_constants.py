"""Numbers that stand in several files, because MicroPython folds `const` within one file only, are the same in all."""

from __future__ import annotations

import ast

import mp

FIRMWARE = sorted(mp.FIRMWARE.rglob("*.py"))


def constants(file) -> dict[str, int]:
    """Names and values of all `NAME = const(number)` of a file."""
    found = {}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            call = node.value
            if getattr(call.func, "id", "") == "const" and isinstance(call.args[0], ast.Constant):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        found[target.id] = call.args[0].value
    return found


ALL = {file.relative_to(mp.FIRMWARE).as_posix(): constants(file) for file in FIRMWARE}


def value(module: str, name: str) -> int:
    return ALL[module][name]


def differing(name: str, wanted: int, *apart: str) -> dict[str, int]:
    """Files in which NAME or _NAME has another value, those in `apart` left out (there it means something else)."""
    found = {}
    for module, known in ALL.items():
        for written in (name, "_" + name):
            if module not in apart and known.get(written, wanted) != wanted:
                found[f"{module}:{written}"] = known[written]
    return found


def test_the_search_finds_constants():
    assert value("jkcore/modbus.py", "LIVE") == 2
    assert sum(len(known) for known in ALL.values()) > 150


def test_frame_types():
    """1 settings, 2 live, 3 about (protocol/rs485.md section 2.2); outbox.py has flags of these names."""
    for name, wanted in (("SETTINGS", 1), ("LIVE", 2), ("ABOUT", 3)):
        assert value("jkcore/modbus.py", name) == wanted
        assert differing(name, wanted, "jkcore/outbox.py") == {}
        users = [m for m, known in ALL.items() if "_" + name in known]
        assert len(users) >= 3, f"{name} is written in {users} only: this test has lost its object"


def test_length_of_a_frame():
    assert value("jkcore/framer.py", "FRAME_LENGTH") == 300
    assert value("jkcore/pack.py", "_LENGTH") == 300
    assert value("jkcore/framer.py", "_SUM") == 299


def test_lengths_and_times_of_the_line():
    assert value("jkcore/modbus.py", "REQUEST_LENGTH") == value("jkcore/doctor.py", "_ECHO") == 11
    assert value("jkcore/masking.py", "_SUM") == 299
    assert value("jkcore/masking.py", "_SILENCE") == value("jkcore/rs485.py", "_IDLE")


def test_room_before_a_topic():
    assert value("jkcore/message.py", "HEAD") == value("jkdevice/mqtt.py", "_HEAD") == 7


def test_longest_message_taken_in():
    """What is longer is drained on both homes, and the core says so."""
    from jkbridge import mqtt as host
    from jkcore import texts

    limit = value("jkdevice/mqtt_reader.py", "LIMIT")
    assert limit == 512
    named = [n for n in vars(host) if isinstance(getattr(host, n), int) and getattr(host, n) == limit]
    assert named, "the host's session has another limit"
    said = [t for t in vars(texts).values() if isinstance(t, str) and "512" in t]
    said += [t for group in vars(texts).values() if isinstance(group, tuple) for t in group if "512" in str(t)]
    assert said, "the core's sentence tells another number"


def test_marks_of_pending_messages():
    """Flags of a pack are single bits, each its own; what is retained is the sum of three of them."""
    names = ("AVAILABILITY", "CLEARED", "RAISED", "SETTING", "LIVE", "SETTINGS", "ABOUT", "LINK", "FLAT", "ANNOUNCE")
    flags = [value("jkcore/outbox.py", n) for n in names if n in ALL["jkcore/outbox.py"]]
    assert len(flags) >= 9
    assert len(set(flags)) == len(flags)
    assert all(flag & flag - 1 == 0 for flag in flags)
    kept = sum(value("jkcore/outbox.py", n) for n in ("AVAILABILITY", "SETTINGS", "ABOUT"))
    assert value("jkcore/outbox.py", "STATES") == kept
