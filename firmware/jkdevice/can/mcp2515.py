"""MCP2515 on SPI, receiving only. "DS" is Microchip's data sheet DS20001801 (revision J).

Two receive buffers are all it has: three frames in a row are too many unless they are fetched within the time of
one (0.25 ms at 500 kbit/s). With the INT pin the frames are fetched as they come, by an interrupt that MicroPython
runs between two steps of whatever else is going on, into a ring of 32; without it by whoever calls receive(), as
often as that is. What the chip lost it tells once per occasion, however many frames it was.

Not yet run on hardware; tests/shared/mcp2515_model.py is the chip of its tests.
"""

from jkcore.shim import const
from jkdevice.can import acceptance
from jkdevice.can.receiver import ACTIVE, BUS_OFF, CLOSED, PASSIVE, WARNING, Receiver

# SPI instructions, DS table 12-1. Those that load or request a transmission have no name here, on purpose.
_RESET = const(0xC0)
_READ = const(0x03)
_WRITE = const(0x02)
_BIT_MODIFY = const(0x05)
_READ_RX0 = const(0x90)  # from RXB0SIDH on; RX0IF falls when CS rises
_READ_RX1 = const(0x94)

# Registers, DS table 11-1
_RXF0SIDH = const(0x00)
_CANSTAT = const(0x0E)
_CANCTRL = const(0x0F)
_RXF3SIDH = const(0x10)
_RXM0SIDH = const(0x20)
_CNF3 = const(0x28)  # then CNF2, CNF1, CANINTE
_CANINTF = const(0x2C)  # then EFLG
_EFLG = const(0x2D)
_RXB0CTRL = const(0x60)
_RXB1CTRL = const(0x70)

_MODE = const(0xE0)  # in CANSTAT and CANCTRL
_NORMAL = const(0x00)
_LISTEN = const(0x60)
_CONFIG = const(0x80)

_RX0IF = const(0x01)
_RX1IF = const(0x02)
_IMPOSSIBLE = const(0x5C)  # TX0IF..TX2IF, WAKIF: never set in a chip that never sends nor sleeps
_ERRIF = const(0x20)
_MERRF = const(0x80)
_OVERFLOWS = const(0xC0)  # RX1OVR, RX0OVR
_TXBO = const(0x20)
_PASSIVES = const(0x18)  # TXEP, RXEP
_WARNINGS = const(0x07)
_BUKT = const(0x04)  # a full buffer 0 hands over to buffer 1
_RTR = const(0x40)  # in the DLC register, extended frames
_SRR = const(0x10)  # in SIDL, standard frames
_IDE = const(0x08)

_SLOTS = const(32)  # of the ring: 60 ms of 15 packs
_SIZE = const(14)  # the instruction's place, SIDH, SIDL, EID8, EID0, DLC, eight bytes

SPI_HZ = const(10000000)  # the most it takes

# (crystal in Hz, bit/s): CNF3, CNF2, CNF1. Sampled at 75 % of 16, 8 or 20 time quanta, once.
TIMING = {
    (16000000, 500000): b"\x03\xac\x00",
    (16000000, 250000): b"\x03\xac\x01",
    (8000000, 500000): b"\x01\x91\x00",
    (8000000, 250000): b"\x03\xac\x00",
    (20000000, 500000): b"\x04\xb6\x00",
    (20000000, 250000): b"\x04\xb6\x01",
}


class Mcp2515(Receiver):
    """spi: machine.SPI, mode 0, at most 10 MHz, used by nobody else; cs, interrupt, reset: machine.Pin, the last
    two may be None; timing: a row of TIMING; everything: True switches the filters off; sleep_ms: of time.
    """

    def __init__(self, name, listen, spi, cs, interrupt, reset, timing, everything, sleep_ms):
        super().__init__(name, listen)
        self._spi = spi
        self._cs = cs
        self._interrupt = interrupt
        self._reset = reset
        self._timing = timing
        self._everything = everything
        self._sleep_ms = sleep_ms
        self._busy = False  # the SPI is in use: the interrupt may not touch it
        self._head = 0  # the slot to be filled
        self._tail = 0  # the slot in use by our caller, or the one filled before all others
        self._held = False  # the caller still reads slot _tail
        ring = bytearray(_SLOTS * _SIZE)
        view = memoryview(ring)
        self._slots = [view[n * _SIZE : (n + 1) * _SIZE] for n in range(_SLOTS)]
        self._bytes = [view[n * _SIZE + 6 : (n + 1) * _SIZE] for n in range(_SLOTS)]
        self._fetch0 = bytes((_READ_RX0,)) + bytes(_SIZE - 1)
        self._fetch1 = bytes((_READ_RX1,)) + bytes(_SIZE - 1)
        self._ask = bytes((_READ, _CANINTF, 0, 0))
        self._seen = bytearray(4)  # ., ., CANINTF, EFLG
        self._clear = bytearray((_BIT_MODIFY, 0, 0, 0))
        self._ignored = bytearray(4)
        self._on_interrupt = self._rung  # a bound method is made once
        self.data = self._bytes[0]

    def receive(self):
        """True: a frame is in the fields, see receiver.py."""
        if self._held:
            self._held = False
            self._tail = (self._tail + 1) % _SLOTS
        if self._tail == self._head:
            if self._up:
                self._drain()
            if self._tail == self._head:
                return False
        self._held = True
        self._decode(self._slots[self._tail])
        self.data = self._bytes[self._tail]
        self.frames = (self.frames + 1) & 0x3FFFFFFF
        return True

    def _decode(self, slot):
        low = slot[2]
        self.extended = low & _IDE != 0
        if self.extended:
            self.ident = slot[1] << 21 | (low & 0xE0) << 13 | (low & 3) << 16 | slot[3] << 8 | slot[4]
            self.remote = slot[5] & _RTR != 0
        else:
            self.ident = slot[1] << 3 | low >> 5
            self.remote = low & _SRR != 0
        length = slot[5] & 15
        self.length = length if length < 8 else 8

    # Fetching. Runs in the interrupt, too: no heap, and never two at a time.

    def _quiet(self):
        """True when INT says that nothing waits."""
        return self._interrupt is not None and self._interrupt() == 1

    def _rung(self, pin):
        # Busy: whoever is at it drains, too. What comes in the moment after its last look waits for receive().
        if self._up and not self._busy:
            self._drain()

    def _drain(self):
        """Fetch frames until none waits, or the ring is full. The only place that catches a failing SPI: a `try`
        makes a function's state bigger, and with arguments it would come from the heap.
        """
        self._busy = True
        try:
            while self._fetch():
                pass
        except OSError:
            self._cs(1)
            self._suspect = True
        self._busy = False

    def _fetch(self):
        """Fetch what CANINTF names: False when that was nothing or more does not fit."""
        if self._quiet():
            return False
        flags = self._glance()
        # Buffer 0 first: rollover fills it before buffer 1.
        if flags & _RX0IF and not self._store(self._fetch0):
            return False
        if flags & _RX1IF and not self._store(self._fetch1):
            return False
        return flags != 0

    def _store(self, instruction):
        head = (self._head + 1) % _SLOTS
        if head == self._tail:
            return False
        self._transfer(instruction, self._slots[self._head])
        self._head = head
        return True

    def _glance(self):
        """RX0IF and RX1IF; errors and lost frames are counted on the way. One READ tells more than READ STATUS."""
        seen = self._seen
        self._transfer(self._ask, seen)
        flags = seen[2]
        if flags & _IMPOSSIBLE:
            self._suspect = True  # nobody answers, or not the chip we know
            return 0
        if seen[3] & _OVERFLOWS:
            self.overflows += (seen[3] >> 7) + (seen[3] >> 6 & 1)
            self._take_back(_EFLG, _OVERFLOWS)
        if flags & (_MERRF | _ERRIF):
            if flags & _MERRF:
                self.errors += 1
            self._take_back(_CANINTF, _MERRF | _ERRIF)
        return flags & (_RX0IF | _RX1IF)

    def _take_back(self, register, bits):
        clear = self._clear
        clear[1] = register
        clear[2] = bits
        self._transfer(clear, self._ignored)

    def _transfer(self, out, into):
        """One instruction."""
        self._cs(0)
        self._spi.write_readinto(out, into)
        self._cs(1)

    # Setting up and looking after it. May take heap.

    def _setup(self):
        self._busy = True
        self._head = self._tail = 0
        self._held = False
        self._cs(1)
        if self._reset is not None:
            self._reset(0)
            self._sleep_ms(1)
            self._reset(1)
            self._sleep_ms(10)
        self._instruct(bytes((_RESET,)))
        self._sleep_ms(10)
        if self._read(_CANSTAT, 1)[0] != _CONFIG:
            return self.name + ": no MCP2515 answers. Check its supply, SCK, MOSI, MISO, CS and the board file."
        for register, values in self._plan():
            self._instruct(bytes((_WRITE, register)) + values)
            if self._read(register, len(values)) != values:
                return self.name + ": the MCP2515 does not keep what is written. Check the SPI wires, keep them short."
        # RXM = 00: frames that pass the filters and are whole. DS 4.2: RXM = 11 would hand over broken ones.
        self._instruct(bytes((_WRITE, _RXB0CTRL, _BUKT)))
        self._instruct(bytes((_WRITE, _RXB1CTRL, 0)))
        mode = self._mode()
        self._instruct(bytes((_WRITE, _CANCTRL, mode)))
        for _ in range(10):
            if self._read(_CANSTAT, 1)[0] & _MODE == mode:
                self._busy = False
                if self._interrupt is not None:
                    self._interrupt.irq(self._on_interrupt, self._interrupt.IRQ_FALLING)
                return ""
            self._sleep_ms(1)
        # DS 10.0: it waits for 11 recessive bits.
        text = ": the MCP2515 sees no quiet moment on the bus. Check CANH and CANL, the transceiver and its supply."
        return self.name + text

    def _plan(self):
        """(register, values) of all that can be read back; configuration mode only."""
        masks = acceptance.MASKS_OPEN if self._everything else acceptance.MASKS
        return (
            (_CNF3, self._timing + bytes((_RX0IF | _RX1IF,))),
            (_RXF0SIDH, acceptance.FILTERS_0_2),
            (_RXF3SIDH, acceptance.FILTERS_3_5),
            (_RXM0SIDH, masks),
        )

    def _mode(self):
        return _LISTEN if self.listen else _NORMAL

    def _state(self):
        self._busy = True
        try:
            return self._health()
        finally:
            self._busy = False
            if self._up:
                self._drain()  # what came meanwhile, and what an INT pin that is not connected never told

    def _health(self):
        # Registers that are neither 00 nor FF: a dead line cannot pass for a chip.
        if self._read(_CNF3, 4) != self._timing + bytes((_RX0IF | _RX1IF,)):
            self.why = self.name + ": the MCP2515 was reset or does not answer. Check its supply and the SPI wires."
            return CLOSED
        if self._read(_CANSTAT, 1)[0] & _MODE != self._mode():
            self.why = self.name + ": the MCP2515 has left its mode."
            return CLOSED
        flags = self._glance()
        if flags and self._quiet():
            self._interrupt.irq(None)
            self._interrupt = None
            self.why = self.name + ": frames wait but INT does not say so. It is not used any longer: check its wire."
        eflg = self._seen[3]
        if eflg & _TXBO:
            return BUS_OFF
        if eflg & _PASSIVES:
            return PASSIVE
        return WARNING if eflg & _WARNINGS else ACTIVE

    def _shutdown(self):
        if self._interrupt is not None:
            self._interrupt.irq(None)
        self._instruct(bytes((_RESET,)))  # configuration mode: it takes no part in the bus

    def _instruct(self, out):
        self._cs(0)
        try:
            self._spi.write(out)
        finally:
            self._cs(1)

    def _read(self, register, count):
        both = bytearray((_READ, register)) + bytearray(count)
        self._cs(0)
        try:
            self._spi.write_readinto(both, both)
        finally:
            self._cs(1)
        return bytes(both[2:])
