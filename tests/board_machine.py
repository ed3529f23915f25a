"""A stand-in for the module `machine` of one chip, as strict as the chip: pins, UARTs and SPIs that do not exist or do
not fit are refused with ValueError, as the ports do.
"""

from __future__ import annotations

from typing import Any

import board_chips


class Pin:
    """The chip's pins are those of the class attribute `machine`, set by Machine."""

    IN, OUT, PULL_UP, IRQ_FALLING = 1, 3, 2, 2
    machine: Machine

    def __init__(self, number: int, mode: int | None = None, pull: int | None = None, value: int | None = None) -> None:
        chip = self.machine.chip
        if type(number) is not int or number not in chip.pins or "flash" in chip.never.get(number, ""):
            raise ValueError("invalid pin")
        if mode == self.OUT and number in chip.inputs:
            raise ValueError("pin can only be input")
        self.number = number
        self.mode = mode
        self.level = value
        self.machine.made.append((number, mode, value))

    def __call__(self, level: int | None = None) -> int | None:
        if level is not None:
            if self.mode != self.OUT:
                raise ValueError("not an output")
            self.level = level
            self.machine.levels.append((self.number, level))
        return self.level

    def irq(self, handler: Any, trigger: int = 0) -> None:
        if self.mode != self.IN:
            raise ValueError("not an input")


class Uart:
    def __init__(self, machine: Machine, number: int, tx: Pin, rx: Pin, **how: Any) -> None:
        if number not in (*machine.chip.uarts, 0) or tx.number in machine.chip.inputs:
            raise ValueError("bad UART")
        if machine.name == "rp2040":
            for pin, role in ((tx.number, 0), (rx.number, 1)):
                if pin & 3 != role or (pin + 4 >> 3 & 1) != number:
                    raise ValueError("bad TX or RX pin")
        self.number, self.tx, self.rx, self.how, self.sent = number, tx.number, rx.number, how, b""
        self._machine = machine

    def write(self, buf: bytes, length: int) -> int:
        self._machine.levels.append(("sent", length))
        self.sent += bytes(buf[:length])
        return length

    def flush(self) -> None:
        self._machine.levels.append(("flushed", 0))

    def readinto(self, buf: bytearray) -> None:
        return None

    def deinit(self) -> None:
        pass


class Spi:
    def __init__(self, machine: Machine, number: int, sck: Pin, mosi: Pin, miso: Pin, **how: Any) -> None:
        if number not in machine.chip.spis:
            raise ValueError("bad SPI")
        numbers = [sck.number, mosi.number, miso.number]
        if machine.name == "rp2040" and (
            [pin & 3 for pin in numbers] != [2, 3, 0] or any((pin >> 3 & 1) != number for pin in numbers)
        ):
            raise ValueError("bad SCK, MOSI or MISO pin")
        self.number, self.pins = number, numbers


class Machine:
    """What a test puts into sys.modules["machine"]. made: pins as they were made; levels: what was done in order."""

    def __init__(self, chip: str) -> None:
        self.name = chip
        self.chip = board_chips.CHIPS[chip]
        self.made: list[tuple[int, int | None, int | None]] = []
        self.levels: list[tuple[Any, int]] = []
        self.watchdogs: list[int] = []
        self.mem32: dict[int, int] = {}
        self.Pin = type("Pin", (Pin,), {"machine": self})

    def UART(self, number: int, **how: Any) -> Uart:
        return Uart(self, number, **how)

    def SPI(self, number: int, **how: Any) -> Spi:
        return Spi(self, number, **how)

    def WDT(self, timeout: int) -> object:
        if self.name == "rp2040" and timeout > board_chips.PICO_WATCHDOG:
            raise ValueError("timeout exceeds 8388")
        self.watchdogs.append(timeout)
        return object()
