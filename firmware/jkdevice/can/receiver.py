"""What every CAN receiver of the device is to its user, and the life it leads: opened, looked at, opened again.

Read-only by construction: no receiver has a method that sends, no driver here writes to a transmit buffer or asks
for a transmission. In mode listen the controller does not even acknowledge; in mode normal it acknowledges (a lone
BMS needs that, can.md section 9) and does nothing else.

    receiver.poll(now)            every turn: opens, and opens again after a fault; once a second a look at health
    while receiver.receive():     a frame, in these fields until the next call, without heap:
        receiver.ident            11 or 29 bits, never with a flag in it: always a small int
        receiver.extended         True: 29 bits
        receiver.remote           True: a remote request, no data
        receiver.length           0..8 (a DLC of 9..15 means 8 bytes)
        receiver.data             bytearray or memoryview; [0] .. [length - 1] count, the rest is old
    receiver.state                one of the words below
    receiver.why                  "", or a sentence: the last fault, or what is odd about the wiring
    receiver.close()

Frames of one pack may change places with their neighbours where a controller has two buffers. Error frames of
the bus are never delivered, they are counted. Silence is not an error: `errors` at rest and no frames means an
empty or unplugged bus, `errors` that grow without frames a wrong bit rate or swapped wires.

Counters, since the start of the program; each counts what the controller told, which is "at least":
    frames                        delivered, modulo 2**30
    overflows                     times the controller said that it had lost frames
    errors                        times it said that something on the bus was no good frame
    bus_off                       times it was off the bus
    restarts                      times it had to be set up again
"""

from jkcore import clock
from jkcore.shim import const
from jkdevice.backoff import Backoff

CLOSED = "closed"  # not there or not set up; tried again and again
ACTIVE = "error-active"  # all is well
WARNING = "error-warning"  # one of the controller's error counters is at 96 or more
PASSIVE = "error-passive"  # ... at 128 or more
BUS_OFF = "bus-off"  # a transmit error counter over 255: no reception until it recovers

_LOOK_MS = const(1000)
_LIMIT_S = const(30)  # the longest wait between two attempts


class Receiver:
    """A driver adds _setup() (returns "" or what went wrong), _state() (a word; CLOSED with self.why set for a
    fault), _shutdown() and receive(). listen: True for listen-only.
    """

    def __init__(self, name, listen):
        self.name = name
        self.listen = listen
        self.ident = 0
        self.extended = False
        self.remote = False
        self.length = 0
        self.data = None
        self.frames = 0
        self.overflows = 0
        self.errors = 0
        self.bus_off = 0
        self.restarts = 0
        self.state = CLOSED
        self.why = ""
        self._up = False
        self._suspect = False  # something was odd: look at once
        self._was_open = False
        self._looked = 0
        self._backoff = Backoff(_LIMIT_S)

    def poll(self, now):
        """Keep the controller going. now: 30-bit ms."""
        if not self._up:
            if self._backoff.due(now):
                self._open(now)
        elif self._suspect or clock.since(now, self._looked) >= _LOOK_MS:
            self._look(now)

    def close(self):
        """Leave the bus. The next poll() opens again."""
        if self._up:
            self._up = False
            self._guarded(self._shutdown)
        self.state = CLOSED

    def _open(self, now):
        fault = self._guarded(self._setup)
        if fault:
            self._fail(now, fault)
            return
        if self._was_open:
            self.restarts += 1
        self._was_open = True
        self._up = True
        self._suspect = False
        self._looked = now
        self.state = ACTIVE
        self.why = ""

    def _guarded(self, step):
        """What a step of the driver says is wrong, "" for nothing; also when the port itself complains."""
        try:
            return step() or ""
        except (OSError, ValueError, RuntimeError) as error:
            return self.name + " cannot be used: " + (str(error) or type(error).__name__) + "."

    def _look(self, now):
        self._looked = now
        self._suspect = False
        before = self.state
        try:
            state = self._state()
        except (OSError, ValueError, RuntimeError) as error:
            self.why = self.name + " cannot be read: " + (str(error) or type(error).__name__) + "."
            state = CLOSED
        if state == CLOSED:
            self._fail(now, self.why)
        elif state != BUS_OFF:
            self.state = state
            self._backoff.reset()
        elif before != BUS_OFF:
            self.state = BUS_OFF
            self.bus_off += 1
            self._backoff.failed(now)  # time to recover by itself
        elif self._backoff.due(now):
            self._fail(now, self.name + " stayed off the bus.")

    def _fail(self, now, why):
        self.close()
        self.why = why
        self._backoff.failed(now)
