"""A bus on machine.UART with an RS485 transceiver: direction by a pin, or by the transceiver itself.

No MicroPython port has an RS485 mode: the direction pin is raised, the request written, and `flush` waits
until the last bit has left (1 ms for a request at 115200 baud) before the pin falls; a pack answers later
than that. A module that lets us hear our own request does no harm, the core knows it. Not yet run on
hardware; tests/shared/test_device_ports.py drives it with a fake of machine.UART and machine.Pin.
"""

from jkcore import log
from jkcore.shim import const

_SIZE = const(256)  # read in one turn; the driver's ring keeps the rest
# The driver's ring: three answers of 308 bytes, 89 ms at 115200 baud (by default it is full after 33 ms).
RX_BUFFER = const(1024)


def open_uart(machine, row, baud):
    """machine.UART for a row of board.SERIAL: (uart, tx, rx, de, de_active), see boards/desktop.py."""
    # timeout_char 1: below one character ESP32 would take an interrupt per byte. txbuf as by default.
    return machine.UART(
        row[0],
        baudrate=baud,
        bits=8,
        parity=None,
        stop=1,
        tx=machine.Pin(row[1]),
        rx=machine.Pin(row[2]),
        rxbuf=RX_BUFFER,
        timeout=0,
        timeout_char=1,
    )


def open_direction(machine, row):
    """The direction pin of a row of board.SERIAL, set to listening; None for transceivers that turn by
    themselves.
    """
    if row[3] is None:
        return None
    return machine.Pin(row[3], machine.Pin.OUT, value=1 - row[4])


class UartPort:
    """uart: machine.UART; direction: a machine.Pin or None; active: its level while we send (0 or 1)."""

    def __init__(self, bus, name, uart, direction, active, log):
        self.bus = bus
        self.buf = bytearray(_SIZE)
        self._name = name
        self._uart = uart
        self._direction = direction
        self._active = active
        self._log = log
        self._open = False

    def poll(self, now):
        """A UART cannot be lost: it is open from the first turn on."""
        if not self._open:
            self._open = True
            self._log(log.INFO, "The serial line is " + self._name + ".")
            self.bus.opened(now)

    def read(self):
        """Read what is there into buf: number of bytes, 0 for nothing."""
        return self._uart.readinto(self.buf) or 0

    def write(self, buf, length, now):
        """Send the first `length` bytes of buf; back when the line is ours to listen to again."""
        if self._direction is not None:
            self._direction(self._active)
        try:
            self._send(buf, length)
        except OSError:
            self._complain()
        # Also after an error: the answer will not come, but others must be able to talk.
        if self._direction is not None:
            self._direction(1 - self._active)

    def _complain(self):
        self._log(log.WARNING, self._name + " could not send: its UART is stuck. Check pins and wiring.")

    def _send(self, buf, length):
        self._uart.write(buf, length)
        if self._direction is not None:
            self._uart.flush()

    def close(self):
        """Release the UART; the transceiver listens."""
        self._open = False
        self._uart.deinit()
