"""What the chips of boards/ have: pins, those to keep away from, UARTs and SPIs, and the firmware for them."""

from __future__ import annotations

from typing import NamedTuple


class Chip(NamedTuple):
    """pins: all that exist; inputs: those that cannot drive; never: pin -> why; waivable: pin -> why not without a word
    about it; uarts: those with a console excepted.
    """

    pins: frozenset[int]
    inputs: frozenset[int]
    never: dict[int, str]
    waivable: dict[int, str]
    uarts: tuple[int, ...]
    spis: tuple[int, ...]


def _all(why: str, *pins: int) -> dict[int, str]:
    return dict.fromkeys(pins, why)


# Espressif's datasheets of ESP32, ESP32-S3, ESP32-C3 (pins, strapping), Raspberry Pi's of RP2040 and Pico W.
CHIPS = {
    "esp32": Chip(
        frozenset([*range(20), 21, 22, 23, 25, 26, 27, *range(32, 40)]),
        frozenset(range(34, 40)),
        _all("flash", *range(6, 12)) | _all("UART0, the console", 1, 3),
        _all("strapping", 0, 2, 5, 12, 15) | _all("PSRAM of a WROVER, flash of a PICO-D4", 16, 17),
        (1, 2),
        (1, 2),
    ),
    "esp32s3": Chip(
        frozenset([*range(22), *range(26, 49)]),
        frozenset(),
        _all("flash", *range(26, 33)) | _all("octal PSRAM", *range(33, 38)) | _all("USB", 19, 20)
        | _all("UART0, the console", 43, 44),
        _all("strapping", 0, 3, 45, 46),
        (1, 2),
        (1, 2),
    ),
    "esp32c3": Chip(
        frozenset(range(22)),
        frozenset(),
        _all("flash", *range(12, 18)) | _all("USB", 18, 19) | _all("UART0, the console", 20, 21),
        _all("strapping", 2, 8, 9),
        (1,),
        (1,),
    ),
    "rp2040": Chip(frozenset(range(30)), frozenset(), _all("WiFi of the Pico W", 23, 24, 25, 29), {}, (1,), (0, 1)),
    "unix": Chip(frozenset(), frozenset(), {}, {}, (), ()),
}  # fmt: skip

# Folders of ports/*/boards of micropython, by which micropython.org/download is ordered
FIRMWARES = {
    "esp32": ("ESP32_GENERIC", "M5STACK_ATOM", "OLIMEX_ESP32_POE"),
    "esp32s3": ("ESP32_GENERIC_S3", "M5STACK_ATOMS3_LITE"),
    "esp32c3": ("ESP32_GENERIC_C3",),
    "rp2040": ("RPI_PICO_W",),
    "unix": (None,),
}
PICO_WATCHDOG = 8388  # ms, the most it can wait
