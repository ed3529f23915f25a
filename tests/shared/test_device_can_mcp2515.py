"""The MCP2515 driver on a register-level model of the chip; on CPython and on MicroPython, 64 and 32 bit."""

import can_traffic
from mcp2515_model import CNF1, CNF2, CNF3, EFLG, RXB0CTRL, RXB1CTRL, Chip, IntPin, ResetPin, SelectPin, Spi

from jkdevice.can import acceptance, mcp2515, receiver

try:
    from micropython import heap_lock, heap_unlock
except ImportError:
    heap_lock = heap_unlock = int


class Rig:
    """A driver on a chip."""

    def __init__(self, crystal=16000000, bitrate=500000, listen=False, pin=False, reset=False, everything=False):
        self.chip = Chip(crystal)
        self.spi = Spi(self.chip)
        self.cs = SelectPin(self.chip)
        self.int = IntPin(self.chip) if pin else None
        self.reset = ResetPin(self.chip) if reset else None
        self.slept = 0
        timing = mcp2515.TIMING[(crystal, bitrate)]
        how = (timing, everything, self.sleep)
        self.can = mcp2515.Mcp2515("CAN a", listen, self.spi, self.cs, self.int, self.reset, *how)
        self.bitrate = bitrate

    def sleep(self, ms):
        self.slept += ms

    def open(self, now=0):
        self.can.poll(now)
        assert self.can.state == receiver.ACTIVE, self.can.why
        return self

    def hear(self, ident, data=b"12345678", extended=None, **how):
        extended = ident > 0x7FF if extended is None else extended
        return self.chip.hear(ident, extended, data, self.bitrate, **how)

    def take(self):
        """[(id, extended, remote, data)] of all that waits."""
        can = self.can
        found = []
        while can.receive():
            found.append((can.ident, can.extended, can.remote, bytes(can.data[: can.length])))
        return found

    def ring_heap_locked(self):
        """INT: the handler runs with the heap locked."""
        heap_lock()
        try:
            self.int.handler(self.int)
        finally:
            heap_unlock()

    def blameless(self):
        """Nothing was sent, no register was written where it cannot be, every byte went to the chip."""
        assert self.chip.sends == 0
        assert self.chip.refused == []
        assert self.chip.unselected == 0


def test_bit_timing_of_every_crystal():
    for crystal, bitrate in sorted(mcp2515.TIMING):
        rig = Rig(crystal, bitrate).open()
        assert rig.chip.bitrate() == bitrate
        assert rig.chip.sample_point() == 75
        rig.blameless()
    assert sorted(mcp2515.TIMING) == sorted([(c, b) for c in (8000000, 16000000, 20000000) for b in (250000, 500000)])


def test_frames_arrive_as_they_were_sent():
    for pin in (False, True):
        rig = Rig(pin=pin).open()
        sent = (
            (0x2F4, False, False, b"\x3b\x02\xa0\x0f\x63\0\0\0"),
            (0x7FF, False, False, b""),
            (0x18F128F4, True, False, b"\x8b\x01\x90\x01\x5a\0\0\0"),
            (0x1806E5FF, True, False, b"\x02\x9e"),
            (0x18E62903, True, False, b"12345678"),
            (0x5F7, False, False, b"abc"),
        )
        for row in sent:
            assert rig.hear(row[0], row[3])
            assert rig.take() == [row]
        assert rig.hear(0x2F5, b"", remote=True, dlc=8)
        assert rig.hear(0x18F128F5, b"", remote=True, dlc=8)
        found = rig.take()
        assert [row[:3] for row in found] == [(0x2F5, False, True), (0x18F128F5, True, True)]
        assert rig.hear(0x2F4, b"12345678", dlc=15)
        assert rig.take() == [(0x2F4, False, False, b"12345678")]
        assert rig.can.frames == 9
        assert rig.can.overflows == rig.can.errors == 0
        rig.blameless()


def test_29_bit_ids_stay_small_integers():
    rig = Rig(everything=True).open()
    rig.hear(0x1FFFFFFF)
    assert rig.take()[0][:2] == (0x1FFFFFFF, True)
    assert 0x1FFFFFFF < 1 << 30


def jk_ids():
    """Every id a JK BMS at address 0..15 may send, and the one that is sent to it: (id, extended)."""
    found = []
    for n in range(16):
        for base in (0x2F4, 0x4F4, 0x5F4, 0x7F4):
            if base + n <= 0x7FF:
                found.append((base + n, False))
        upper = [0x18F10000 + i * 0x10000 for i in range(5)] + [0x18E00000 + i * 0x10000 for i in range(7)]
        for base in upper:
            found.append((base + 0x28F4 + n, True))
            found.append((base + 0x2800 + (0xF4 + n & 0xFF), True))  # if only the last byte wraps
        found.append((0x1806E5F4 + n, True))
        found.append((0x1806E500 + (0xF4 + n & 0xFF), True))
    return found + [(0x18F0F428, True)]


def passes(rig, ident, extended):
    """Whether the chip keeps a frame; the data are such that they would show as a filter over data bytes."""
    accepted = rig.chip.accepted
    for data in (b"\0\0\0\0\0\0\0\0", b"\xff\xff\xff\xff\xff\xff\xff\xff"):
        rig.chip.hear(ident, extended, data, rig.bitrate)
        rig.take()
    assert rig.chip.accepted - accepted in (0, 2)
    return rig.chip.accepted > accepted


def test_filters_pass_every_id_of_all_sixteen_addresses():
    rig = Rig().open()
    for ident, extended in jk_ids():
        assert passes(rig, ident, extended), hex(ident)


def test_filters_stop_most_of_what_is_foreign():
    rig = Rig().open()
    ours = [ident for ident, extended in jk_ids() if not extended]
    passed = [ident for ident in range(2048) if passes(rig, ident, False)]
    assert len(passed) == 8 * 64 + 12
    assert set(ours) <= set(passed)
    for ident in can_traffic.FOREIGN:
        assert not passes(rig, ident, False), hex(ident)
    assert not passes(rig, 0x01F21400, True)
    for ident in (0x1DF128F4, 0x1AF128F4, 0x09F80100, 0x0DF50B23):
        assert not passes(rig, ident, True), hex(ident)
    passed = sum([passes(rig, n << 18 | 0x12345, True) for n in range(2048)])
    assert passed == 2048 // 4


def test_exact_filters_for_controllers_that_have_more():
    def exact(ident, extended):
        return any([(ident ^ row[0]) & row[1] == 0 and extended == row[2] for row in acceptance.EXACT])

    for ident, extended in jk_ids():
        assert exact(ident, extended), hex(ident)
    assert len([1 for ident in range(2048) if exact(ident, False)]) == 4 * 16 + 3 * 4
    for ident in (0x2F4, 0x18FF50E5, 0x01F21400, 0x18F12A00, 0x18F127F4, 0x1806E4F4, 0x18F0F429, 0x19F128F4):
        assert not exact(ident, True), hex(ident)


def test_everything_passes_when_asked_for():
    rig = Rig(everything=True).open()
    for ident in (0, 0x305, 0x7FF):
        assert passes(rig, ident, False)
    for ident in (0, 0x01F21400, 0x1FFFFFFF):
        assert passes(rig, ident, True)
    assert rig.chip.r[RXB0CTRL] & 0x60 == 0  # RXM = 11 would hand over pieces of frames
    assert rig.chip.r[RXB1CTRL] & 0x60 == 0


def test_listening_only_acknowledges_nothing():
    for listen in (True, False):
        rig = Rig(listen=listen).open()
        for n in range(20):
            assert rig.hear(0x2F4 + n % 12) is not listen
        rig.take()
        assert rig.chip.acks == (0 if listen else 20)
        assert rig.chip.mode() == (3 if listen else 0)
        rig.blameless()


def test_lost_frames_are_told():
    rig = Rig().open()
    for n in range(5):
        rig.hear(0x2F4 + n)
    assert [row[0] for row in rig.take()] == [0x2F4, 0x2F5]
    assert rig.chip.lost == 3
    assert rig.can.overflows == 1
    assert rig.chip.r[EFLG] & 0xC0 == 0
    rig.hear(0x2F4)
    assert len(rig.take()) == 1
    assert rig.can.overflows == 1
    # An id of the second buffer only
    rig.hear(0x303)
    rig.hear(0x503)
    assert [row[0] for row in rig.take()] == [0x303]
    assert rig.can.overflows == 2


def test_ring_full_leaves_the_rest_to_the_chip():
    rig = Rig(pin=True).open()
    rig.chip.edge = lambda: rig.int.handler(rig.int)
    for n in range(40):
        rig.hear(0x2F4, bytes((n,)))
    found = [row[3][0] for row in rig.take()]
    assert found == list(range(33))  # 31 in the ring (one slot stays free), 2 in the chip
    assert rig.chip.lost == 7
    assert rig.can.overflows == 1
    for n in range(40):
        rig.hear(0x2F4, bytes((n,)))
        assert [row[3][0] for row in rig.take()] == [n]


def test_the_frame_in_use_is_not_overwritten():
    rig = Rig(pin=True).open()
    rig.chip.edge = lambda: rig.int.handler(rig.int)
    rig.hear(0x2F4, b"\x99")
    assert rig.can.receive()
    for n in range(50):
        rig.hear(0x2F5, bytes((n,)))
    assert (rig.can.ident, rig.can.data[0]) == (0x2F4, 0x99)


def test_errors_on_the_bus_are_counted_and_shown():
    rig = Rig().open()
    chip = rig.chip
    for _ in range(12):
        chip.disturb()
        assert rig.take() == []
    assert rig.can.errors == 12
    rig.can.poll(1000)
    assert rig.can.state == receiver.WARNING
    for _ in range(6):
        chip.disturb()
    rig.can.poll(2000)
    assert rig.can.state == receiver.PASSIVE
    for _ in range(200):
        rig.hear(0x2F4)
        rig.take()
    rig.can.poll(3000)
    assert rig.can.state == receiver.ACTIVE
    assert rig.can.restarts == rig.can.bus_off == 0


def test_wrong_bit_rate_or_crystal_gives_errors_and_no_frame():
    for listen in (False, True):
        rig = Rig(crystal=8000000, listen=listen).open()
        rig.chip.crystal = 16000000
        for _ in range(30):
            rig.hear(0x2F4)
            assert rig.take() == []
        assert rig.can.frames == 0
        assert rig.can.errors == 30


def test_silence_is_no_error():
    rig = Rig(pin=True).open()
    for now in range(0, 3600000, 500):
        rig.can.poll(now)
        assert not rig.can.receive()
    can = rig.can
    assert can.state == receiver.ACTIVE
    assert (can.frames, can.overflows, can.errors, can.bus_off, can.restarts, can.why) == (0, 0, 0, 0, 0, "")


def test_bus_off_recovers_by_itself_or_by_a_reset():
    rig = Rig().open()
    rig.chip.transmit_errors(256)
    rig.can.poll(1000)
    assert rig.can.state == receiver.BUS_OFF
    assert not rig.hear(0x2F4)
    rig.chip.recover()
    rig.can.poll(2000)
    assert rig.can.state == receiver.ACTIVE
    assert (rig.can.bus_off, rig.can.restarts) == (1, 0)
    # This time the chip stays off.
    rig.chip.transmit_errors(256)
    now = 3000
    while rig.can.state != receiver.ACTIVE or rig.can.restarts == 0:
        rig.can.poll(now)
        now += 100
        assert now < 20000
    assert (rig.can.bus_off, rig.can.restarts) == (2, 1)
    rig.hear(0x2F4)
    assert len(rig.take()) == 1
    rig.blameless()


def test_a_chip_that_was_reset_is_set_up_again():
    rig = Rig(reset=True, listen=True).open(0x3FFFFF00)  # times wrap
    rig.chip.reset()
    rig.can.poll((0x3FFFFF00 + 1000) & 0x3FFFFFFF)
    assert rig.can.state == receiver.CLOSED
    assert "was reset" in rig.can.why
    now = 0
    while rig.can.state == receiver.CLOSED:
        now += 100
        rig.can.poll((0x3FFFFF00 + 1000 + now) & 0x3FFFFFFF)
    assert 1000 <= now <= 1600
    assert rig.can.restarts == 1
    assert rig.chip.mode() == 3
    assert rig.reset.pulses == 2
    rig.hear(0x2F4)
    assert len(rig.take()) == 1


def test_a_chip_that_was_well_for_a_while_is_tried_again_soon():
    rig = Rig().open()
    now = 0
    for _ in range(8):  # resets hours apart: each is the first
        now += 3600000
        rig.chip.reset()
        rig.can.poll(now)
        assert rig.can.state == receiver.CLOSED
        rig.can.poll(now + 1600)
        assert rig.can.state == receiver.ACTIVE
        rig.can.poll(now + 3000)
    assert rig.can.restarts == 8


def test_no_chip_or_dead_wires_are_said_and_tried_with_growing_pauses():
    for miso in (0xFF, 0x00):
        rig = Rig()
        rig.chip.alive = False
        rig.chip.miso = miso
        tries = 0
        for now in range(0, 120000, 100):
            slept = rig.slept
            rig.can.poll(now)
            assert not rig.can.receive()
            tries += rig.slept > slept
        assert rig.can.state == receiver.CLOSED
        assert "no MCP2515 answers" in rig.can.why
        assert 6 <= tries <= 10  # 1, 2, 4, 8, 16, 30 s .. with up to half on top
        rig.chip.alive = True
        rig.chip.reset()
        for now in range(120000, 170000, 100):
            rig.can.poll(now)
        assert rig.can.state == receiver.ACTIVE
        assert rig.can.restarts == 0  # it was never open before
        assert rig.can.why == ""


def test_wires_that_fail_while_it_runs():
    for miso in (0xFF, 0x00):
        rig = Rig().open()
        rig.hear(0x2F4)
        rig.chip.alive = False
        rig.chip.miso = miso
        for now in range(0, 2000, 10):
            rig.can.poll(now)
            assert not rig.can.receive()  # a line at FF looks like frames, but they are not believed
        assert rig.can.state == receiver.CLOSED
        assert rig.can.errors == rig.can.overflows == 0


def test_an_spi_that_fails_is_survived():
    rig = Rig().open()
    rig.spi.error = OSError(110)
    assert not rig.can.receive()
    assert not rig.chip.selected
    rig.can.poll(10)
    assert rig.can.state == receiver.CLOSED
    assert "cannot be read" in rig.can.why
    rig.spi.error = None
    rig.can.poll(2000)
    assert rig.can.state == receiver.ACTIVE


def test_wires_that_garble_are_found_at_the_start():
    rig = Rig()
    clock = rig.chip.clock
    rig.chip.clock = lambda byte: clock(byte & 0xBF if byte == 0xF0 or byte == 0x5E else byte)
    rig.chip.r[0x2A] = 0
    good = rig.chip._write
    rig.chip._write = lambda address, value: good(address, value & 0x7F)
    rig.can.poll(0)
    assert rig.can.state == receiver.CLOSED
    assert "does not keep what is written" in rig.can.why


def test_a_bus_that_is_never_quiet_is_said():
    rig = Rig()
    rig.chip.quiet = False
    rig.can.poll(0)
    assert rig.can.state == receiver.CLOSED
    assert "no quiet moment" in rig.can.why


def test_an_int_pin_that_is_not_connected_is_found_out():
    rig = Rig(pin=True).open()
    rig.chip.int_connected = False
    rig.hear(0x2F4)
    assert rig.take() == []
    rig.can.poll(1000)
    assert "INT" in rig.can.why
    assert rig.can.state == receiver.ACTIVE
    assert len(rig.take()) == 1
    rig.hear(0x2F5)
    assert len(rig.take()) == 1


def test_close_leaves_the_bus_and_poll_comes_back():
    rig = Rig(pin=True).open()
    rig.can.close()
    assert rig.chip.mode() == 4
    assert rig.int.handler is None
    assert not rig.hear(0x2F4)
    assert not rig.can.receive()
    assert rig.can.state == receiver.CLOSED
    rig.can.poll(10)
    assert rig.can.state == receiver.ACTIVE
    assert rig.int.handler is not None


def drive(bitrate, period_us, packs, everything, pin, stalls=False, seconds=3):
    """Packs and a talkative stranger for some seconds, a loop that asks every period_us: (JK frames sent, of these
    not delivered, rig). A transaction takes 0.12 ms, an interrupt comes 0.2 ms after its edge.
    """
    rig = Rig(bitrate=bitrate, pin=pin, everything=everything).open()
    line = can_traffic.Line(rig.chip, can_traffic.frames(packs, seconds * 1000, bitrate, True), bitrate)
    rig.cs.passed = line.spend
    if pin:
        line.interrupts(rig.int)
    ours = 0
    turns = 0
    while not line.done or rig.chip.int_level() == 0:
        turns += 1
        if stalls and turns % 20 == 0:
            line.block(5000)  # gc.collect(), a socket: no interrupt handler runs
        line.pass_until(line.now + period_us)
        rig.can.poll(line.now // 1000)
        while rig.can.receive():
            ours += rig.can.ident not in can_traffic.FOREIGN
            assert rig.can.data[7] == rig.can.ident & 255
    rig.can.poll(line.now // 1000 + 1000)
    chip = rig.chip
    assert rig.can.frames + chip.lost == chip.accepted
    assert rig.can.overflows == chip.occasions
    assert rig.can.state == receiver.ACTIVE
    assert rig.can.errors == rig.can.restarts == 0
    rig.blameless()
    sent = line.heard - (seconds * 10 - 1) * len(can_traffic.FOREIGN)
    if not everything:
        assert chip.accepted == sent
    return sent, sent - ours, rig


def test_losses_of_15_packs_are_known_exactly():
    """Prints the table: what a two-buffer chip loses depends on how soon it is asked, so INT should be connected."""
    print("bit/s   packs  asked every  INT  filters  JK frames  lost  told")
    for bitrate in (500000, 250000):
        for packs in (1, 15):
            lost = {}
            for period, pin in ((500, False), (1000, False), (2000, False), (5000, False), (5000, True), (20000, True)):
                for everything in (False, True) if period == 5000 else (False,):
                    sent, missing, rig = drive(bitrate, period, packs, everything, pin)
                    lost[(period, pin)] = missing
                    row = (bitrate, packs, period / 1000, "yes" if pin else "no", "no" if everything else "yes")
                    print("%d  %5d  %8.1f ms  %3s  %7s  %9d  %4d  %4d" % (row + (sent, missing, rig.can.overflows)))
            assert lost[(500, False)] <= lost[(2000, False)] < lost[(5000, False)]
            assert lost[(5000, True)] == lost[(20000, True)] == 0
        sent, missing, rig = drive(bitrate, 5000, 15, False, True, stalls=True)
        print("%d: no interrupt for 5 ms in every 100 ms: %d of %d lost" % (bitrate, missing, sent))
        assert missing < sent // 20


def _locked(rig, count, ident, data):
    can = rig.can
    chip = rig.chip
    total = 0
    heap_unlock()
    for n in range(count):
        chip.hear(ident + n % 12, ident > 0x7FF, data, 500000)
        heap_lock()
        can.poll(n & 511)
        while can.receive():
            total = total + can.length + can.data[0] + can.data[7] & 0xFFFF
        heap_unlock()
    heap_lock()
    return total


def test_reception_touches_no_heap():
    """10 000 frames; the model may take heap while it hears, the driver and the SPI of the model may not."""
    for pin in (False, True):
        rig = Rig(pin=pin).open()
        if pin:
            rig.chip.edge = rig.ring_heap_locked
        data = bytes(range(8))
        heap_lock()
        try:
            total = _locked(rig, 2500, 0x18F128F4, data) + _locked(rig, 2500, 0x2F4, data)
        finally:
            heap_unlock()
        assert rig.can.frames == 5000
        assert rig.can.errors == rig.can.overflows == 0
        assert total > 0


def test_counting_losses_touches_no_heap():
    rig = Rig().open()
    for _ in range(4):
        rig.hear(0x2F4)
    rig.chip.disturb()
    heap_lock()
    try:
        left = 0
        while rig.can.receive():
            left += 1
    finally:
        heap_unlock()
    assert (left, rig.can.overflows, rig.can.errors) == (2, 1, 1)


def test_the_model_refuses_what_the_chip_refuses():
    """A wrong order of registers must not pass these tests."""
    chip = Chip()
    spi = Spi(chip)
    cs = SelectPin(chip)

    def instruct(*values):
        cs(0)
        answer = bytearray(values)
        spi.write_readinto(bytes(values), answer)
        cs(1)
        return answer

    instruct(0x02, 0x0F, 0x00)  # to normal mode
    instruct(0x02, CNF3, 3, 0xAC, 0)
    assert chip.refused == [CNF3, CNF2, CNF1]
    assert chip.bitrate() != 500000
    instruct(0xC0)
    instruct(0x02, CNF3, 3, 0xAC, 0)
    assert chip.bitrate() == 500000
    spi.write(b"\x02\x2a\x01")  # without CS
    assert (chip.bitrate(), chip.unselected) == (500000, 3)
    instruct(0x02, RXB0CTRL, 4)
    instruct(0x02, 0x0F, 0x60)
    chip.hear(0x2F4, False, b"\1\2", 500000)
    assert instruct(0xA0, 0)[1] == 1
    instruct(0x03, 0x61, 0, 0)  # an ordinary READ releases nothing
    assert instruct(0xA0, 0)[1] == 1
    answer = instruct(0x94, 0, 0, 0, 0, 0, 0)  # the wrong buffer
    assert answer[1] != 0x2F4 >> 3
    assert instruct(0xA0, 0)[1] == 1
    answer = instruct(0x90, 0, 0, 0, 0, 0, 0, 0)
    assert (answer[1], answer[5], answer[6]) == (0x2F4 >> 3, 2, 1)
    assert instruct(0xA0, 0)[1] == 0
    instruct(0x81)
    assert chip.sends == 1
