"""EXPERIMENTAL: the CAN controller inside ESP32, ESP32-S3 and ESP32-C3 (TWAI), driven by its registers through
machine.mem32, receiving only. Stock MicroPython has no driver for it. NEVER RUN ON HARDWARE: written after
Espressif's reference manuals and ESP-IDF (soc/twai_struct.h, hal/twai_ll.h, twai_hal_iram.c), tested against
tests/shared/twai_model.py. Chosen only where bus.port names it.

Listening only, the TX pin never gets connected to the controller: it is held recessive as a plain output, so
nothing can reach the bus whatever the registers say. (By an erratum these chips send error flags in listen-only
mode; a receive error counter of 128 keeps them from it, and that is set as well.)

A FIFO of 64 bytes holds four to nine frames: 1.3 ms of a full bus at 500 kbit/s. Lost frames are counted one by one.

Heap: addresses of S3 and C3 are 2**30 and more, so those of the frame's way are made once and kept. The registers
are bytes. Only set-up touches others (clock and reset bits, shared with the system), which may be any number.
"""

from jkcore.shim import const
from jkdevice.can.receiver import ACTIVE, BUS_OFF, CLOSED, PASSIVE, WARNING, Receiver

# Registers of the controller, one byte in each word
_MOD = const(0)
_CMR = const(1)
_SR = const(2)
_IR = const(3)
_IER = const(4)
_BTR0 = const(6)
_BTR1 = const(7)
_ECC = const(12)
_EWL = const(13)
_RXERR = const(14)
_TXERR = const(15)
_ACR = const(16)  # 4, in reset mode
_AMR = const(20)  # 4, in reset mode
_FRAME = const(16)  # 13, otherwise: the oldest frame of the FIFO
_RMC = const(29)
_CDR = const(31)

_RM = const(1)  # MOD: reset mode
_LOM = const(2)  # listen only
_AFM = const(8)  # one filter
_RRB = const(4)  # CMR: release the receive buffer
_CDO = const(8)  # clear data overrun
_RBS = const(1)  # SR: a frame waits
_DOS = const(2)  # ESP32: the frame that waits is one that did not fit
_ES = const(0x40)  # an error counter is at EWL or more
_BS = const(0x80)  # bus off
_MS = const(0x100)  # S3, C3: the frame that waits is one that did not fit
_BEI = const(0x80)  # IR, IER: bus error
_FF = const(0x80)  # frame information: extended
_RTR = const(0x40)

_CORRUPT = const(62)  # RMC from here on: an ESP32's FIFO is beyond repair (erratum), ESP-IDF resets it, too
_PERIPHERAL = const(1 << 19)  # in the registers of clocks and resets
_BTR1_VALUE = const(0x3E)  # 1 + 15 + 4 time quanta, sampled at 80 %, of 80 MHz / prescaler

# (base, clock enable, reset, GPIO_FUNC0_IN_SEL, GPIO_FUNC0_OUT_SEL, RX signal, TX signal, SIG_IN_SEL, CDR,
#  shift of SJW in BTR0, status bit of a lost frame, with the errata of the ESP32)
CHIPS = {
    "esp32": (0x3FF6B000, 0x3FF000C0, 0x3FF000C4, 0x3FF44130, 0x3FF44530, 94, 123, 0x80, 0x88, 6, _DOS, True),
    "esp32s3": (0x6002B000, 0x600C0018, 0x600C0020, 0x60004154, 0x60004554, 116, 116, 0x80, 0x100, 14, _MS, False),
    "esp32c3": (0x6002B000, 0x600C0010, 0x600C0018, 0x60004154, 0x60004554, 74, 74, 0x40, 0x100, 14, _MS, False),
}
PRESCALERS = {500000: 8, 250000: 16}


class Twai(Receiver):
    """machine: with mem32 and Pin; chip: a word of CHIPS; tx, rx: pin numbers."""

    def __init__(self, name, listen, machine, chip, tx, rx, bitrate):
        super().__init__(name, listen)
        self._machine = machine
        self._chip = CHIPS[chip]
        self._lost = self._chip[10]
        self._errata = self._chip[11]
        self._tx = tx
        self._rx = rx
        self._btr0 = PRESCALERS[bitrate] // 2 - 1 | 2 << self._chip[9]  # SJW 3
        self._mem = machine.mem32
        self._at = [self._chip[0] + 4 * n for n in range(32)]
        self._frame = bytearray(13)
        view = memoryview(self._frame)
        self._standard = view[3:11]
        self._extended = view[5:13]
        self.data = self._standard

    def receive(self):
        """True: a frame is in the fields, see receiver.py."""
        if not self._up:
            return False
        mem = self._mem
        at = self._at
        if self._errata and mem[at[_RMC]] & 0x7F >= _CORRUPT:
            self._start_over()
            return False
        if mem[at[_SR]] & self._lost:
            self._skip(mem, at)
        if not mem[at[_SR]] & _RBS:
            self._notice()
            return False
        self._copy(mem, at)
        mem[at[_CMR]] = _RRB
        # After copying: an error that spoilt this frame came before it.
        if self._notice():
            self._start_over()
            return False
        self._decode(self._frame)
        self.frames = (self.frames + 1) & 0x3FFFFFFF
        return True

    def _skip(self, mem, at):
        """Release the places of frames that did not fit, as ESP-IDF does: S3 and C3 mark each, the ESP32 the first
        only, and all behind it are gone, too.
        """
        left = 64
        while left and mem[at[_RMC]] & 0x7F and (self._errata or mem[at[_SR]] & _MS):
            self.overflows += 1
            mem[at[_CMR]] = _RRB
            left -= 1
        mem[at[_CMR]] = _CDO

    def _copy(self, mem, at):
        info = mem[at[_FRAME]] & 0xFF
        count = 5 if info & _FF else 3
        if not info & _RTR:
            count += info & 15 if info & 15 < 8 else 8
        while count:
            count -= 1
            self._frame[count] = mem[at[_FRAME + count]] & 0xFF

    def _decode(self, frame):
        info = frame[0]
        self.extended = info & _FF != 0
        self.remote = info & _RTR != 0
        length = info & 15
        self.length = length if length < 8 else 8
        if self.extended:
            self.ident = frame[1] << 21 | frame[2] << 13 | frame[3] << 5 | frame[4] >> 3
            self.data = self._extended
        else:
            self.ident = frame[1] << 3 | frame[2] >> 5
            self.data = self._standard

    def _notice(self):
        """Count a bus error; True when by the ESP32's erratum the next frame may hold shifted data although its
        checksum was right: an error in the data, in the checksum, or of kind "other" at the ACK delimiter.
        """
        if not self._mem[self._at[_IR]] & _BEI:
            return False
        self.errors += 1
        code = self._mem[self._at[_ECC]]  # reading arms it again
        part = code & 0x1F
        if not self._errata or not code & 0x20:  # 0x20: while receiving
            return False
        return part == 10 or part == 8 or (part == 27 and code & 0xC0 == 0xC0)

    def _start_over(self):
        self.restarts += 1
        self._configure()

    def _setup(self):
        pin = self._machine.Pin
        pin(self._tx, pin.OUT, value=1)  # recessive
        pin(self._rx, pin.IN)
        chip = self._chip
        mem = self._mem
        mem[chip[1]] = mem[chip[1]] | _PERIPHERAL
        fault = self._configure()
        if fault:
            return fault
        mem[chip[3] + 4 * chip[5]] = self._rx | chip[7]
        if not self.listen:
            mem[chip[4] + 4 * self._tx] = chip[6]
        return ""

    def _configure(self):
        """Reset the controller and set it up; "" or what is wrong."""
        mem = self._mem
        at = self._at
        reset = self._chip[2]
        mem[reset] = mem[reset] | _PERIPHERAL
        mem[reset] = mem[reset] & ~_PERIPHERAL
        mode = _AFM | (_LOM if self.listen else 0)
        mem[at[_MOD]] = _RM
        if not mem[at[_MOD]] & _RM:
            return self.name + ": the TWAI controller does not answer. Is the chip in the board file the right one?"
        mem[at[_CDR]] = self._chip[8]
        mem[at[_MOD]] = mode | _RM
        self._timing(mem, at)
        mem[at[_TXERR]] = 0
        mem[at[_RXERR]] = 128 if self.listen else 0
        mem[at[_IER]] = _BEI  # only to be read: no interrupt of the CPU is connected
        mem[at[_IR]]
        mem[at[_ECC]]
        mem[at[_MOD]] = mode
        if mem[at[_MOD]] & (_RM | _LOM | _AFM) != mode:
            return self.name + ": the TWAI controller does not start."
        return ""

    def _timing(self, mem, at):
        mem[at[_BTR0]] = self._btr0
        mem[at[_BTR1]] = _BTR1_VALUE
        mem[at[_EWL]] = 96
        for i in range(4):
            mem[at[_ACR + i]] = 0
            mem[at[_AMR + i]] = 0xFF

    def _state(self):
        mem = self._mem
        at = self._at
        status = mem[at[_SR]]
        if status & _BS:
            return BUS_OFF
        if mem[at[_MOD]] & _RM or mem[at[_BTR0]] != self._btr0 or mem[at[_BTR1]] != _BTR1_VALUE:
            self.why = self.name + ": the TWAI controller was reset by somebody else."
            return CLOSED
        if self.listen or not status & _ES:  # listening, the counters stand still
            return ACTIVE
        worst = max(mem[at[_TXERR]] & 0xFF, mem[at[_RXERR]] & 0xFF)
        return PASSIVE if worst >= 128 else WARNING

    def _shutdown(self):
        self._mem[self._at[_MOD]] = _RM
        pin = self._machine.Pin
        pin(self._tx, pin.OUT, value=1)  # away from the controller, recessive
