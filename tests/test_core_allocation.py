"""Heap on real MicroPython: what 10 000 turns with 15 packs leave behind (nothing), and what one turn takes on its way.

The steady way itself runs under heap_lock in tests/shared/test_core_steady.py; this counts bytes.
"""

from __future__ import annotations

import dialect
import mp
import pytest

SETUP = """
import gc
from core_steady import Device

device = Device(15, discovery=False, cells=4).settle()
# 15 minutes with long pauses: what is rarely due, and packs that go and come, has been before anything is measured.
for _ in range(260):
    device.now += 3500
    device.turn()
device.settle()
figures = [0] * 12

def turns(count):
    for _ in range(count):
        device.turn()

def collect():
    gc.collect()

def read(place):
    figures[place] = gc.mem_alloc()

def report():
    print("answers", min([pack.counts[1] for pack in device.bridge.packs]))
    print("published", device.published)
    for start in (0, 4, 8):
        print("figures%d" % start, figures[start], figures[start + 1], figures[start + 2], figures[start + 3])
"""


def measured(start: int) -> list[str]:
    """Stages that read the heap four times, collected, some turns apart.

    What the stages name is known to the interpreter: no new word, no new global.
    """
    return [stage for i in range(4) for stage in ("turns(60)", "collect()", "collect()", f"read({start + i})")]


# The collector takes any number in an array or a frame that looks like an address for one, and keeps the dead block
# there for a while: the readings differ by one or two blocks of 16 bytes, up or down, which the smallest of several
# readings does not always escape. One block left behind by every hundredth turn would be 1600 bytes.
PINNED = 48
STAGES = ["turns(600)", *measured(0), "turns(5000)", *measured(4), "turns(5000)", *measured(8), "report()"]


def figures(output: str) -> dict[str, list[int]]:
    """Words and numbers that a script printed."""
    return {line.split()[0]: [int(n) for n in line.split()[1:]] for line in output.splitlines() if line.strip()}


@pytest.mark.timeout(900)
def test_heap_is_the_same_before_and_after_10000_turns_with_15_packs(capsys):
    done = mp.run_wasm(SETUP, heapsize=1 << 20, then=STAGES, timeout=800)
    assert done.returncode == 0, done.stdout
    got = figures(done.stdout)
    before, middle, after = (min(got[f"figures{start}"]) for start in (0, 4, 8))
    assert got["answers"][0] > 600
    assert got["published"][0] > 9000
    with capsys.disabled():
        print(f"\nheap with 15 packs (32 bit): {before} bytes, {after - before:+d} after 10000 turns", end="")
    assert abs(middle - before) <= PINNED
    assert abs(after - before) <= PINNED
    assert abs(after - middle) <= PINNED


PER_FRAME = """
import gc, sys
from core_steady import Device

device = Device(1, discovery=False).settle()

def exchange(count):
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(count):
        device.exchange()
        device.now += 110
        device.publish()
    after = gc.mem_alloc()
    gc.enable()
    return after - before

exchange(20)
done = device.published
left = exchange(100)
print("left", left)
print("published", device.published - done)
"""


@pytest.mark.parametrize("run", [mp.run_unix, mp.run_wasm])
def test_100_frames_leave_nothing_on_the_heap(run):
    """Not even garbage: with the collector off, 100 exchanges and their messages take 0 bytes."""
    done = run(PER_FRAME)
    assert done.returncode == 0, done.stdout
    got = figures(done.stdout)
    assert got["published"][0] >= 98
    assert got["left"][0] == 0


# Functions that a frame meets on its way from the bytes to the packet: none has ten locals, without exception. (wasm
# keeps function states off the heap, so that is read off the source; tests/test_dialect.py looks at all of the core
# and lets reviewed exceptions pass.)
STEADY = (
    "jkcore/alarms.py", "jkcore/can.py", "jkcore/canbus.py", "jkcore/canhearing.py", "jkcore/canpack.py",
    "jkcore/cells.py", "jkcore/clock.py", "jkcore/exchange.py", "jkcore/fields/table.py", "jkcore/framer.py",
    "jkcore/gaps.py", "jkcore/gate.py", "jkcore/hearing.py", "jkcore/intake.py", "jkcore/message.py",
    "jkcore/modbus.py", "jkcore/outbox.py", "jkcore/pack.py",
    "jkcore/payload.py", "jkcore/poll.py", "jkcore/publish.py", "jkcore/rs485.py", "jkdevice/mqtt_link.py",
    "jkdevice/ports/can_port.py",
)  # fmt: skip
# Files of which only some functions are on the way.
PARTLY = {
    "jkcore/bridge.py": ("Bridge.next_message", "Bridge.sleep_ms"),
    "jkdevice/mqtt.py": ("Session.ready", "Session.publish"),
    "jkdevice/loop.py": ("Loop.turn", "Loop._serve", "Loop._publish", "Loop._drain", "Loop._note_gap"),
}


def test_no_function_on_the_way_has_ten_locals():
    big = {}
    for name in (*STEADY, *PARTLY):
        found = dialect.locals_by_function((mp.FIRMWARE / name).read_text(encoding="utf-8"))
        for function in PARTLY.get(name, found):
            if found[function] > dialect.MOST_LOCALS:
                big[f"{name}:{function}"] = found[function]
    assert big == {}
