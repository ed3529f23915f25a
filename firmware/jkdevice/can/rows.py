"""From a row of board.CAN and a bit rate to a receiver. Used once, at the start; boards/desktop.py says what the
rows hold.
"""

import time

from jkdevice.hardware import BoardError

BITRATES = (250000, 500000)  # the app's options 000 and 006


def can_row(board, name):
    """The row of board.CAN with this name; for no name the first whose driver is not an experiment. Raises
    BoardError.
    """
    if not board.CAN:
        text = "Board " + board.NAME + " has no CAN controller. Use RS485, or connect an MCP2515 to its SPI and name "
        raise BoardError(text + "the pins in board.py (CAN, see boards/desktop.py).")
    for row in board.CAN:
        if row[0] == name or (not name and row[1] != "twai"):
            return row
    names = ", ".join(['"' + row[0] + '"' for row in board.CAN])
    if name:
        text = 'bus.port = "' + name + '" is not a CAN line of board ' + board.NAME
        raise BoardError(text + ": it has " + names + ".")
    text = "The CAN controller of board " + board.NAME + " is the one inside the ESP32, for which MicroPython has no "
    text += "driver. An experimental one, never run on hardware, is used only if it is named: "
    raise BoardError(text + '"port": "' + board.CAN[0][0] + '".')


def make(board, name, bitrate, listen, machine, everything=False):
    """The receiver of a CAN line, not opened yet. bitrate: bit/s; listen: True listen-only, False acknowledging,
    None: as is best for the driver (twai listens only, the others acknowledge: a lone BMS needs that); machine:
    the module; everything: True lets foreign ids through, too. Raises BoardError.
    """
    row = can_row(board, name)
    if not bitrate:
        text = "bus.bitrate is missing: a device cannot find it out. It is 250000 with CAN protocol 000 of the "
        raise BoardError(text + 'app, 500000 with 006. Example: "bitrate": 500000')
    if bitrate not in BITRATES:
        text = "bus.bitrate = " + str(bitrate) + " is not a rate of a JK BMS: 250000 (CAN protocol 000 of the app) or "
        raise BoardError(text + "500000 (006).")
    kind = row[1]
    label = "CAN " + row[0]
    if listen is None:
        listen = kind == "twai"
    if kind == "mcp2515":
        return _on_spi(row, label, bitrate, listen, machine, everything)
    if kind == "machine":
        if not hasattr(machine, "CAN"):
            raise BoardError(label + " needs machine.CAN, which this firmware has not: MicroPython 1.28 or newer.")
        from jkdevice.can.machine_can import MachineCan

        return MachineCan(label, listen, machine.CAN, row[2], bitrate, everything)
    if kind == "module":
        from jkdevice.can.user_can import UserCan

        return UserCan(label, listen, _module(label), row[2], row[3], bitrate)
    if kind == "twai":
        return _twai(row, label, bitrate, listen, machine)
    raise BoardError('Board file: CAN line "' + row[0] + '" has the unknown kind "' + str(kind) + '".')


def _on_spi(row, label, bitrate, listen, machine, everything):
    from jkdevice.can import mcp2515

    timing = mcp2515.TIMING.get((row[9], bitrate))
    if timing is None:
        known = sorted({pair[0] // 1000000 for pair in mcp2515.TIMING})
        text = 'Board file: CAN line "' + row[0] + '" has a crystal of ' + str(row[9]) + " Hz. Known are "
        raise BoardError(text + ", ".join([str(mhz) for mhz in known]) + " MHz. Read what is printed on the crystal.")
    pin = machine.Pin
    sck, mosi, miso, cs, interrupt, reset = row[3:9]
    chip_select = pin(cs, pin.OUT, value=1)
    if interrupt is not None:
        interrupt = pin(interrupt, pin.IN, pin.PULL_UP)
    if reset is not None:
        reset = pin(reset, pin.OUT, value=1)
    wires = {"sck": pin(sck), "mosi": pin(mosi), "miso": pin(miso)}
    spi = machine.SPI(row[2], baudrate=mcp2515.SPI_HZ, polarity=0, phase=0, **wires)
    rest = time.sleep_ms if hasattr(time, "sleep_ms") else _sleep_ms
    return mcp2515.Mcp2515(label, listen, spi, chip_select, interrupt, reset, timing, everything, rest)


def _sleep_ms(ms):
    time.sleep(ms / 1000)


def _module(label):
    try:
        import CAN
    except ImportError:
        text = " needs a firmware with the module CAN (straga/micropython-esp32-twai): this one has none."
        raise BoardError(label + text)
    if not hasattr(CAN, "LISTEN_ONLY"):
        raise BoardError(label + ": the module CAN of this firmware is too old: build it from src_can_v2.")
    return CAN


def _twai(row, label, bitrate, listen, machine):
    from jkdevice.can import twai

    if row[2] not in twai.CHIPS:
        names = ", ".join(sorted(twai.CHIPS))
        text = 'Board file: CAN line "' + row[0] + '" names the chip "' + str(row[2]) + '": there is '
        raise BoardError(text + names + ".")
    return twai.Twai(label, listen, machine, row[2], row[3], row[4], bitrate)
