"""The MCP2515 as its data sheet (Microchip DS20001801) describes it, for tests: SPI bytes in, SPI bytes out, frames
of the bus in, acknowledgements and the level of INT out. Own code, from the sheet; it shares nothing with the driver.

Strict where a driver may be wrong: an instruction begins when CS falls and ends when it rises, and without CS the
chip hears nothing; CNF, filters and masks can be written in configuration mode only; a receive flag is cleared only
by READ RX BUFFER when CS rises, or by writing CANINTF; BIT MODIFY of a register that does not have it writes the
whole byte; the receive buffers keep old bytes. Whatever belongs to sending is counted in `sends`.
"""

CONFIG, LISTEN, LOOPBACK, SLEEP, NORMAL = 4, 3, 2, 1, 0
CANSTAT, CANCTRL, TEC, REC = 0x0E, 0x0F, 0x1C, 0x1D
CNF3, CNF2, CNF1, CANINTE, CANINTF, EFLG = 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D
RXB0CTRL, RXB1CTRL = 0x60, 0x70
BIT_MODIFIABLE = (0x0C, 0x0D, 0x0F, 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D, 0x30, 0x40, 0x50, 0x60, 0x70)
# Bits that exist; for registers not named here all eight.
EXISTING = {0x0C: 0x3F, 0x0D: 0x3F, 0x28: 0xC7, 0x60: 0x64, 0x70: 0x60}
FILTERS = (0x00, 0x04, 0x08, 0x10, 0x14, 0x18)
MASKS = (0x20, 0x24)


class Chip:
    """crystal: Hz. `alive` False: powered but nobody there, MISO stays at `miso`. `edge` is called when INT falls."""

    def __init__(self, crystal=16000000):
        self.crystal = crystal
        self.alive = True
        self.miso = 0xFF
        self.quiet = True  # the bus has 11 recessive bits in a row: modes can be left and entered
        self.int_connected = True
        self.edge = None
        self.sends = 0  # anything that has to do with sending
        self.unselected = 0  # bytes clocked while CS was high
        self.refused = []  # registers written in the wrong mode
        self.acks = 0
        self.accepted = 0  # frames that passed a filter
        self.lost = 0  # of these, no buffer was free
        self.occasions = 0  # times an overflow flag went from 0 to 1
        self.broken = 0  # frames that were none at our bit rate
        self.off = False  # bus off
        self.selected = False  # CS is low
        self._count = 0
        self._instruction = 0
        self._address = 0
        self._mask = 0
        self._release = 0
        self._int = 1
        self.reset()

    def reset(self):
        """Power-on, the RESET pin or the instruction: configuration mode, flags and counters clear."""
        self.r = bytearray(128)
        self.r[CANSTAT] = 0x80
        self.r[CANCTRL] = 0x87
        self.off = False
        self._level()

    def mode(self):
        return self.r[CANSTAT] >> 5

    # SPI

    def select(self, level):
        """CS."""
        if level:
            if self.selected and self.alive:
                self.r[CANINTF] &= 0xFF ^ self._release
                self._level()
            self.selected = False
        elif not self.selected:
            self.selected = True
            self._count = 0
            self._release = 0

    def clock(self, byte):
        """One byte each way."""
        if not self.selected:
            self.unselected += 1
            return 0xFF
        if not self.alive:
            return self.miso
        count = self._count
        self._count += 1
        if count == 0:
            self._begin(byte)
            return 0xFF
        return self._go_on(byte, count)

    def _begin(self, byte):
        self._instruction = byte
        if byte == 0xC0:
            self.reset()
        elif byte & 0xF9 == 0x90:  # 90 92 94 96
            self._address = (0x61, 0x66, 0x71, 0x76)[byte >> 1 & 3]
            self._release = 2 if byte & 4 else 1
        elif byte & 0xF8 in (0x80, 0x40):  # RTS, LOAD TX BUFFER
            self.sends += 1

    def _go_on(self, byte, count):
        instruction = self._instruction
        if instruction == 0x03:
            if count == 1:
                self._address = byte & 0x7F
                return 0xFF
            return self._read()
        if instruction & 0xF9 == 0x90:
            return self._read()
        if instruction == 0x02:
            if count == 1:
                self._address = byte & 0x7F
            else:
                self._write(self._address, byte)
                self._address = (self._address + 1) & 0x7F
        elif instruction == 0x05:
            if count == 1:
                self._address = byte & 0x7F
            elif count == 2:
                self._mask = byte if self._address in BIT_MODIFIABLE else 0xFF
            elif count == 3:
                old = self.r[self._address]
                self._write(self._address, old & (0xFF ^ self._mask) | byte & self._mask)
        elif instruction == 0xA0:
            return self.r[CANINTF] & 3
        return 0xFF

    def _read(self):
        address = self._address
        if address & 0x0F == CANSTAT:
            address = CANSTAT  # in every row
        elif address & 0x0F == CANCTRL:
            address = CANCTRL
        value = self.r[address]
        if address == RXB0CTRL:
            value |= value >> 1 & 2  # BUKT1 copies BUKT
        self._address = (self._address + 1) & 0x7F
        return value

    def _write(self, address, value):
        if address & 0x0F == CANCTRL:
            self.r[CANCTRL] = value
            if value & 0x10:
                self.sends += 1  # ABAT
            self._change(value >> 5)
            return
        counter = address == TEC or address == REC
        if counter or address & 0x0F == CANSTAT or address > 0x70 or 0x60 < address < 0x70:
            return  # read only
        config_only = address < 0x0C or 0x10 <= address < 0x1C or 0x20 <= address < 0x2B or address == 0x0D
        if config_only and self.mode() != CONFIG:
            self.refused.append(address)
            return
        if 0x30 <= address < 0x60:
            self.sends += 1  # transmit buffers
            return
        if address == EFLG:
            value = self.r[EFLG] & 0x3F | value & self.r[EFLG] & 0xC0  # only the overflow flags can be cleared
        elif address in EXISTING:
            value &= EXISTING[address]
        elif address < 0x28 and address & 3 == 1:
            value &= 0xEB if address < 0x20 else 0xE3  # SIDL: SID2..0, EXIDE, EID17..16
        self.r[address] = value
        self._level()

    def _change(self, mode):
        if mode == CONFIG or (self.quiet and mode in (LISTEN, NORMAL, LOOPBACK, SLEEP)):
            self.r[CANSTAT] = mode << 5
            if mode in (CONFIG, LISTEN):
                self.r[TEC] = self.r[REC] = 0  # the counters are off
                self.off = False
                self._errors()

    # The bus

    def bitrate(self):
        """Bits per second that CNF1..3 and the crystal make; 0 for values the sheet forbids."""
        cnf1, cnf2, cnf3 = self.r[CNF1], self.r[CNF2], self.r[CNF3]
        propagation, phase1 = (cnf2 & 7) + 1, (cnf2 >> 3 & 7) + 1
        phase2 = (cnf3 & 7) + 1 if cnf2 & 0x80 else max(phase1, 2)
        jump = (cnf1 >> 6) + 1
        if phase2 < 2 or propagation + phase1 < phase2 or phase2 < jump:
            return 0
        return self.crystal // (2 * ((cnf1 & 63) + 1) * (1 + propagation + phase1 + phase2))

    def sample_point(self):
        """Per cent."""
        cnf2 = self.r[CNF2]
        before = 1 + (cnf2 & 7) + 1 + (cnf2 >> 3 & 7) + 1
        return 100 * before // (before + (self.r[CNF3] & 7) + 1)

    def hear(self, ident, extended, data, bitrate, remote=False, dlc=None):
        """A frame on the bus is complete. True when we acknowledged it."""
        mode = self.mode()
        if not self.alive or self.off or mode not in (NORMAL, LISTEN):
            return False
        if self.bitrate() != bitrate:
            self.disturb()
            return False
        if mode == NORMAL:
            self.acks += 1
            if self.r[REC]:
                self.r[REC] -= 1
                self._errors()
        self._accept(ident, extended, data, remote, len(data) if dlc is None else dlc)
        return mode == NORMAL

    def disturb(self):
        """Something that is no frame, or no whole one."""
        self.broken += 1
        if self.mode() == NORMAL and self.r[REC] < 248:
            self.r[REC] += 8
        self.r[CANINTF] |= 0x80
        self._errors()
        for buffer in (RXB0CTRL, RXB1CTRL):
            if self.r[buffer] & 0x60 == 0x60 and not self.r[CANINTF] & (1 if buffer == RXB0CTRL else 2):
                self._put(buffer, 0x555, False, b"\xee", False, 1)  # RXM = 11 takes even pieces
                return

    def transmit_errors(self, count):
        """TEC, as only sending can raise it; 256: bus off."""
        self.off = count > 255
        self.r[TEC] = min(count, 255)
        self._errors()

    def recover(self):
        """128 times 11 recessive bits have gone by."""
        if self.off:
            self.transmit_errors(0)

    def _errors(self):
        tec, rec = self.r[TEC], self.r[REC]
        flags = self.r[EFLG] & 0xC0
        for bit, on in ((1, max(tec, rec) >= 96), (2, rec >= 96), (4, tec >= 96), (8, rec >= 128), (16, tec >= 128)):
            flags |= bit if on else 0
        flags |= 0x20 if self.off else 0
        if flags != self.r[EFLG]:
            self.r[EFLG] = flags
            self.r[CANINTF] |= 0x20
        self._level()

    def _matches(self, number, mask, ident, extended, data):
        at = FILTERS[number]
        if (self.r[at + 1] >> 3 & 1) != extended:
            return False
        if extended:
            heard = bytes((ident >> 21, (ident >> 13 & 0xE0) | (ident >> 16 & 3), ident >> 8 & 255, ident & 255))
        else:  # the extended part of filter and mask lies over the first two data bytes
            heard = bytes((ident >> 3, (ident & 7) << 5)) + (bytes(data[:2]) + b"\0\0")[:2]
        for i in range(4):
            bits = self.r[MASKS[mask] + i]
            if i == 1:
                bits &= 0xE3 if extended else 0xE0
            if (heard[i] ^ self.r[at + i]) & bits:
                return False
        return True

    def _accept(self, ident, extended, data, remote, dlc):
        def any_of(control, numbers, mask):
            if self.r[control] & 0x60 == 0x60:
                return True
            return any([self._matches(n, mask, ident, extended, data) for n in numbers])

        flags = self.r[CANINTF]
        if any_of(RXB0CTRL, (0, 1), 0):
            self.accepted += 1
            if not flags & 1:
                self._put(RXB0CTRL, ident, extended, data, remote, dlc)
            elif self.r[RXB0CTRL] & 4:
                self._into_1(ident, extended, data, remote, dlc)
            else:
                self._overflow(0x40)
        elif any_of(RXB1CTRL, (2, 3, 4, 5), 1):
            self.accepted += 1
            self._into_1(ident, extended, data, remote, dlc)

    def _into_1(self, ident, extended, data, remote, dlc):
        if self.r[CANINTF] & 2:
            self._overflow(0x80)
        else:
            self._put(RXB1CTRL, ident, extended, data, remote, dlc)

    def _overflow(self, bit):
        self.lost += 1
        if not self.r[EFLG] & bit:
            self.occasions += 1
            self.r[EFLG] |= bit
            self.r[CANINTF] |= 0x20
            self._level()

    def _put(self, control, ident, extended, data, remote, dlc):
        r = self.r
        at = control + 1
        if extended:
            r[at] = ident >> 21
            r[at + 1] = (ident >> 13 & 0xE0) | 8 | (ident >> 16 & 3)
            r[at + 2] = ident >> 8 & 255
            r[at + 3] = ident & 255
            r[at + 4] = dlc | (0x40 if remote else 0)
        else:
            r[at] = ident >> 3
            r[at + 1] = (ident & 7) << 5 | (0x10 if remote else 0)
            r[at + 4] = dlc
        for i in range(len(data)):
            r[at + 5 + i] = data[i]
        r[CANINTF] |= 1 if control == RXB0CTRL else 2
        self._level()

    # INT

    def int_level(self):
        """Level of the INT pin as the microcontroller sees it (pulled up)."""
        return self._int if self.int_connected else 1

    def _level(self):
        level = 0 if self.r[CANINTF] & self.r[CANINTE] else 1
        fell = self._int and not level
        self._int = level
        if fell and self.edge and self.int_connected:
            self.edge()


class Spi:
    """machine.SPI on the chip; `error` is raised instead when set."""

    def __init__(self, chip):
        self.chip = chip
        self.error = None

    def write_readinto(self, out, into):
        assert len(out) == len(into)
        if self.error:
            raise self.error
        for i in range(len(out)):  # without heap, as the real one
            into[i] = self.chip.clock(out[i])

    def write(self, out):
        if self.error:
            raise self.error
        for byte in out:
            self.chip.clock(byte)


class SelectPin:
    """CS; `passed` is called when it has risen: a transaction took its time."""

    def __init__(self, chip):
        self.chip = chip
        self.passed = None

    def __call__(self, level):
        self.chip.select(level)
        if level and self.passed:
            self.passed()


class IntPin:
    """INT as a machine.Pin with an interrupt; `handler` is what was asked for."""

    IRQ_FALLING = 2

    def __init__(self, chip):
        self.chip = chip
        self.handler = None

    def __call__(self):
        return self.chip.int_level()

    def irq(self, handler, trigger=0):
        assert handler is None or trigger == self.IRQ_FALLING
        self.handler = handler


class ResetPin:
    """RESET, low active."""

    def __init__(self, chip):
        self.chip = chip
        self.pulses = 0

    def __call__(self, level):
        if not level:
            self.pulses += 1
            self.chip.reset()
