"""The TWAI controller of ESP32, ESP32-S3 and ESP32-C3 as registers behind machine.mem32, for tests of its driver.

Own code, from Espressif's reference manuals and the facts that ESP-IDF's twai_ll.h and twai_hal_iram.c state:
configuration only in reset mode; the same addresses are filter in reset mode and the oldest frame of the FIFO
otherwise; 64 bytes of FIFO; places of frames that did not fit, which RMC counts; frames that must be released one by
one; errors that are read once. Pins go through a GPIO matrix; the TX pad is what the bus sees of us.
"""

MOD, CMR, SR, IR, IER, BTR0, BTR1, ECC, EWL, RXERR, TXERR, FRAME, RMC, CDR = (
    0, 1, 2, 3, 4, 6, 7, 12, 13, 14, 15, 16, 29, 31,
)  # fmt: skip

# name: base, clock enable, reset, matrix in, matrix out, rx signal, tx signal, bit "through the matrix", shift of SJW
WIRED = {
    "esp32": (0x3FF6B000, 0x3FF000C0, 0x3FF000C4, 0x3FF44130, 0x3FF44530, 94, 123, 7, 6),
    "esp32s3": (0x6002B000, 0x600C0018, 0x600C0020, 0x60004154, 0x60004554, 116, 116, 7, 14),
    "esp32c3": (0x6002B000, 0x600C0010, 0x600C0018, 0x60004154, 0x60004554, 74, 74, 6, 14),
}


class Controller:
    """It is a machine: `mem32` is itself, Pin makes the pads."""

    def __init__(self, chip):
        self.chip = chip
        self.wired = WIRED[chip]
        self.mem32 = self
        self.words = {self.wired[1]: 0xF9C1E06F, self.wired[2]: 0x80080000}  # numbers of the system, 32 bits long
        self.pads = {}  # number: what drives it, "plain" or a signal, and its level as a plain output
        self.sends = 0
        self.refused = []
        self.acks = 0
        self.lost = 0
        self.fifo = []  # frames as bytes; None for one that did not fit
        self.r = bytearray(32)
        self.btr0 = 0
        self.cdr = 0
        self._power()
        made = self

        class Pin:
            IN = 1
            OUT = 3

            def __init__(self, number, mode, value=None):
                made.pads[number] = ["in" if mode == Pin.IN else "plain", value]

        self.Pin = Pin

    def _power(self):
        self.r[MOD] = 1
        self.r[RXERR] = self.r[TXERR] = self.r[IR] = self.r[ECC] = 0
        self.acceptance = bytearray(8)
        self.fifo = []
        self.off = False
        self.dos = False

    def _alive(self):
        bit = 1 << 19
        return self.words[self.wired[1]] & bit and not self.words[self.wired[2]] & bit

    def used(self):
        return sum([len(frame) for frame in self.fifo if frame])

    # The bus of the processor

    def __getitem__(self, address):
        number = (address - self.wired[0]) >> 2
        if not 0 <= number < 32:
            return self.words.get(address, 0)
        if not self._alive():
            return 0
        if number == SR:
            return self._status()
        if number == IR:
            value = self.r[IR]
            self.r[IR] = 0
            return value | (1 if self.fifo else 0)
        if number == RMC:
            return min(len(self.fifo), 64)
        if number == BTR0:
            return self.btr0
        if number == CDR:
            return self.cdr
        if FRAME <= number < FRAME + 13:
            if self.r[MOD] & 1:
                return self.acceptance[number - 16] if number < 24 else 0
            frame = self.fifo[0] if self.fifo else None
            return frame[number - FRAME] if frame and number - FRAME < len(frame) else 0xA5
        return self.r[number]

    def _status(self):
        value = 0x0C | (1 if self.fifo else 0) | (0x80 if self.off else 0)
        if self.r[RXERR] >= 96 or self.r[TXERR] >= 96:
            value |= 0x40
        missed = bool(self.fifo) and self.fifo[0] is None
        if self.chip == "esp32":
            self.dos = self.dos or missed
            return value | (2 if self.dos else 0)
        return value | (0x100 if missed else 0)

    def __setitem__(self, address, value):
        assert 0 <= value < 1 << 32
        number = (address - self.wired[0]) >> 2
        if not 0 <= number < 32:
            self._outside(address, value)
        elif not self._alive():
            pass
        elif number == MOD:
            self._mode(value)
        elif number == CMR:
            self._command(value)
        elif number == IER:
            self.r[IER] = value
        elif not self.r[MOD] & 1:
            self.refused.append(number)  # also the frame to be sent
            if FRAME <= number < FRAME + 13:
                self.sends += 1
        elif number == BTR0:
            self.btr0 = value
        elif number == CDR:
            self.cdr = value
        elif FRAME <= number < FRAME + 8:
            self.acceptance[number - FRAME] = value
        else:
            self.r[number] = value

    def _outside(self, address, value):
        wired = self.wired
        self.words[address] = value
        if address == wired[2] and value >> 19 & 1:
            self._power()
        pad = (address - wired[4]) >> 2
        if 0 <= pad < 64 and pad in self.pads:
            self.pads[pad][0] = value

    def _mode(self, value):
        if self.r[MOD] & 1 or not value & 1:
            if not self.r[MOD] & 1 and value & 0x0E != self.r[MOD] & 0x0E:
                self.refused.append(MOD)  # LOM, STM and AFM stand in reset mode only
                value = value & 1 | self.r[MOD] & 0x0E
        if value & 1:
            self.fifo = []
        elif self.r[MOD] & 1 and self.off:
            self.off = False  # 128 times 11 recessive bits later
            self.r[TXERR] = 0
        self.r[MOD] = value

    def _command(self, value):
        if value & 0x13:
            self.sends += 1
        if value & 4 and self.fifo:
            self.fifo.pop(0)
        if value & 8:
            self.dos = False

    # The bus of the batteries

    def bitrate(self):
        shift = self.wired[8]
        prescaler = 2 * ((self.btr0 & ((1 << shift) - 1)) + 1)
        if self.chip == "esp32":
            prescaler *= 2 if self.r[IER] & 0x10 else 1
        return 80000000 // (prescaler * (3 + (self.r[BTR1] & 15) + (self.r[BTR1] >> 4 & 7)))

    def connected(self, rx):
        """The RX signal comes from this pad."""
        return self.words.get(self.wired[3] + 4 * self.wired[5]) == rx | 1 << self.wired[7]

    def drives(self, tx):
        """What our TX pad can do to the bus: the controller's signal, or a plain level (1 is recessive)."""
        return self.pads[tx]

    def hear(self, ident, extended, data, bitrate, remote=False, dlc=None):
        """A frame is complete. True when the controller acknowledged it (whether the pad lets it out or not)."""
        if not self._alive() or self.r[MOD] & 1 or self.off:
            return False
        if bitrate != self.bitrate():
            self.disturb(0xA0 | 2)
            return False
        info = (0x80 if extended else 0) | (0x40 if remote else 0) | (len(data) if dlc is None else dlc)
        if extended:
            head = bytes((info, ident >> 21, ident >> 13 & 255, ident >> 5 & 255, ident << 3 & 255))
        else:
            head = bytes((info, ident >> 3, ident << 5 & 255))
        frame = head + bytes(data)
        if all([mask == 255 for mask in self.acceptance[4:]]) and self.r[MOD] & 8:
            if self.used() + len(frame) > 64 or (self.fifo and self.fifo[-1] is None and self.chip == "esp32"):
                self.lost += 1
                self.fifo.append(None)
            else:
                self.fifo.append(frame)
        listening = self.r[MOD] & 2
        self.acks += not listening
        return not listening

    def disturb(self, code):
        """A bus error with this ECC."""
        if self.r[IER] & 0x80:
            self.r[IR] |= 0x80
        self.r[ECC] = code
        if not self.r[MOD] & 2 and self.r[RXERR] < 248:
            self.r[RXERR] += 8

    def transmit_errors(self):
        """Off the bus: the controller goes to reset mode by itself."""
        self.off = True
        self.r[MOD] |= 1
        self.r[TXERR] = 128
        self.r[RXERR] = 0
