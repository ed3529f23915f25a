"""The module `machine` of a board whose SPI leads to tests/shared/mcp2515_model.py, with batteries on its bus.

Time is the real one. Frames become due every 100 ms; the chip hears the next one whenever the program looks at INT,
which stands for the interrupt of a device. The file chip.txt says what becomes of the hardware: absent, present, off
(bus-off, for as long as it is said).
"""

import os
import time

from can_battery import Battery
from mcp2515_model import Chip, IntPin, SelectPin, Spi

PACKS = 3
RATE = 500000

chip = Chip()
due = []


class _Wire:
    """Where the batteries put their frames."""

    def send(self, base, data, address):
        due.append((base + address, data))


_batteries = [Battery(_Wire(), address, soc=50 + address) for address in range(PACKS)]
_state = [time.ticks_ms(), 0, ""]  # of the last cycle, its number, what chip.txt said


def _ordered():
    try:
        with open("chip.txt") as file:
            return file.read().strip()
    except OSError:
        return ""


def _pass_time():
    now = time.ticks_ms()
    if time.ticks_diff(now, _state[0]) < 100:
        return
    _state[0] = now
    order = _ordered()
    if order != _state[2]:
        _state[2] = order
        chip.alive = order != "absent"
        if order == "absent":
            chip.reset()  # its supply is gone
        chip.transmit_errors(256 if order == "off" else 0)
    del due[:]
    for battery in _batteries:
        battery(_state[1])
    _state[1] += 1


class _Int(IntPin):
    def __call__(self):
        _pass_time()
        if due and chip.int_level():
            ident, data = due.pop(0)
            chip.hear(ident, ident > 0x7FF, data, RATE)
        return chip.int_level()


class Pin:
    IN, OUT, PULL_UP = 0, 1, 2

    def __new__(cls, number, *_, **__):
        if number == 10:
            return SelectPin(chip)
        return _Int(chip) if number == 8 else object()


class SPI(Spi):
    def __init__(self, number, **_):
        Spi.__init__(self, chip)

    def write(self, out):
        _pass_time()  # also while nobody looks at INT
        Spi.write(self, out)


def unique_id():
    return os.urandom(6)
