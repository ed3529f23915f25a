"""One command on the bus, from its receipt to what is known in the end.

    READING   settings (and about) frames until two in a row agree; then every check
    SENDING   a write may go out: at most 10 s after the receipt, from frames young enough
    WAITING   for ack or exception
    CHECKING  reading back until two frames in a row show what was asked; that they do not is believed only of frames
              from 5 s after the write on, when no answer to an earlier question can come any more
    DONE

The bus asks wants() what to send next for the pack, tells what it hears of the pack, and calls tick(). It keeps its own
gaps and time-outs for the questions; other traffic waits as long as busy() is true. No state outlives the object: after
a restart nothing goes on.
"""

from jkcore import pack as pk
from jkcore.clock import after, reached, since
from jkcore.fields import table
from jkcore.shim import const
from jkcore.writes import actions, encode, limits, plan, texts
from jkcore.writes.outcome import DIFFERENT, EXCEPTION, NO_ANSWER, OK, REFUSED, UNCHANGED, Outcome, exception
from jkcore.writes.reading import Reading
from jkcore.writes.refusal import CommandError

READING = const(0)
SENDING = const(1)
WAITING = const(2)
CHECKING = const(3)
DONE = const(4)

NOTHING = const(0)  # what wants() answers; else a frame type to ask for (1 settings, 2 live, 3 about), or
WRITE = const(4)  # request()

_SETTINGS = const(1)
_LIVE = const(2)
_ON_BUS = const(10000)  # so long after the receipt, and after each step, a write must be on the bus
_JUST_NOW = const(5000)  # oldest live frame a calibration is compared with
_YOUNG = const(2000)  # oldest frame from which a part of a register is written back
_ACK = const(1000)
_SETTLED = const(5000)  # an answer comes at most 3 s and the patience of a slow line (2 s) after its question
_READ_BACK = const(15000)
_PAUSE = const(300)  # between two tries of reading back


class Transaction(Outcome):
    """Made from a Command that read() has accepted. One at a time per bus."""

    def __init__(self, command, pack, level: int, chemistry, now: int):
        """pack: the Pack it is for; level: of lock.py; chemistry: of the pack, as configured; now: of the receipt."""
        super().__init__(command)
        self.pack = pack
        self.state = READING
        self.patience = 0  # ms a slow line adds to the time-out of the ack
        self.crowded = False  # a bus master leaves no gap long enough
        self._level = level
        self._chemistry = chemistry
        self._goal = plan.kinds(command)  # frame types to be read now
        self._reading = Reading(pack, self._goal)
        self._steps = None
        self._index = 0
        self._before = []
        self._acked = False
        self._exception = -1  # code of one that came while reading back
        self._begun = now  # of the receipt, later of the step
        self._sent_at = 0
        self._next = now  # no question before this
        self._had_turn = False  # the line was free for it at least once

    # asked by the bus

    def busy(self) -> bool:
        """True until the result is known."""
        return self.state != DONE

    def wants(self, now: int) -> int:
        """What to send now: NOTHING, a frame type to ask the pack for, or WRITE."""
        self._had_turn = True
        if self.state == SENDING:
            if self._is_young(now):
                return WRITE
            kind = self._step().kind
            self._read([kind, _LIVE] if _LIVE in self._goal else [kind])
        if self.state == READING:
            return self._missing(now)
        if self.state == CHECKING and reached(now, self._next):
            return self._step().kind
        return NOTHING

    def request(self, tx, now: int) -> int:
        """Put the write into tx, which goes out at once; returns its length, 0 when it must not be sent any more."""
        self.tick(now)
        if self.state != SENDING or not self._is_young(now):
            return 0
        step = self._step()
        self._before = [self._reading.scaled(r) for r, _ in step.expected]
        self._acked = False
        self._exception = -1
        self._sent_at = now
        self.sent.extend(step.rows)
        self.state = WAITING
        return encode.put_write(tx, self.pack.address, step.rows, step.values, self._reading)

    # told by the bus

    def heard_frame(self, kind: int, frame, now: int) -> None:
        """A whole frame of this pack, its ack behind it. (Private fields of about frames are blanked.)"""
        if self.state == READING and kind in self._goal:
            if kind != _LIVE:  # that one the pack itself keeps, if it is a good one
                self._reading.heard(kind, frame, now)
            if not self._missing(now):
                self._decide(now)
        elif self.state == SENDING:
            self._reading.heard(kind, frame, now)
        elif self.state == CHECKING and kind == self._step().kind and self._reading.heard(kind, frame, now):
            self._compare(now)

    def heard_ack(self, register: int, words: int, now: int) -> None:
        """The pack acknowledged a write to this register. (A preset by a settings frame with that ack behind it, which
        the framer takes as one unit: then the ack is told before the frame.)"""
        if self.state < WAITING or self.state == DONE:
            return
        step = self._step()
        if register == step.register and words == step.words:
            self._acked = True
            if self.state == WAITING:
                if step.expected:
                    self._check(now)
                else:
                    self._end_step(OK, (texts.ACTED, ()), now)

    def heard_exception(self, code: int, now: int) -> None:
        """The pack refused the write. One that comes when it is being read back already may as well refuse a question:
        what is read back decides which."""
        if self.state == WAITING:
            self._end_step(EXCEPTION, exception(code), now)
        elif self.state == CHECKING and not self._acked:
            self._exception = code

    def tick(self, now: int) -> None:
        """Every turn of the loop: what takes too long."""
        state = self.state
        if self.pack.notes[pk.CONFLICT] >= 0 and state != WAITING and state != DONE:
            why = (texts.CONFLICT, (self.pack.address,))
            if state == CHECKING:
                self._end_step(NO_ANSWER, why, now)
            else:
                self._stop(why, None)
        elif state < WAITING:
            if since(now, self._begun) > _ON_BUS:
                self._stop(self._delay(now), None)
        elif state == WAITING:
            if since(now, self._sent_at) > _ACK + self.patience:
                if self._step().expected:
                    self._check(now)
                else:
                    self._end_step(NO_ANSWER, (texts.NO_ANSWER, ()), now)
        elif state == CHECKING and since(now, self._sent_at) > _READ_BACK:
            self._end_step(NO_ANSWER, (texts.NOT_READ_BACK if self._acked else texts.NO_ANSWER, ()), now)

    def withdraw(self, why) -> None:
        """It may not go out any more. When a part of it has, the rest follows."""
        if self.state < WAITING and not self._index:
            self._stop(why, None)

    def abort(self) -> None:
        """The bridge stops."""
        if self.state == WAITING or self.state == CHECKING:
            self._end_step(NO_ANSWER, (texts.STOPPED, ()), 0)
        elif self.state != DONE:
            self._stop((texts.STOPPED, ()), None)

    # inside

    def _step(self):
        return self._steps[self._index]

    def _is_preset(self) -> bool:
        step = self._step()
        return step.rows[0] >= actions.FIRST and len(step.expected) > 0

    def _is_young(self, now: int) -> bool:
        """True when the frame the next write rests on is young enough."""
        step = self._step()
        shared = step.words == 1 and step.rows[0] < actions.FIRST
        young = self._reading.fresh(step.kind, _YOUNG if shared else _ON_BUS, now)
        return young and (_LIVE not in self._goal or self._has_live(now))

    def _missing(self, now: int) -> int:
        """The next frame type that has to be read, 0: none."""
        for kind in self._goal:
            if kind == _LIVE:
                if not self._has_live(now):
                    return kind
            elif not self._reading.fresh(kind, _YOUNG if len(self._goal) == 1 else _ON_BUS, now):
                return kind
        return 0

    def _has_live(self, now: int) -> bool:
        pack = self.pack
        at = pack.last_live if pack.owner is None else pack.heard_at  # not when CAN told something of it
        return pack.online and pack.holds(_LIVE) and since(now, at) <= _JUST_NOW

    def _delay(self, now: int):
        """Why nothing could be sent in time."""
        if self.state != READING or not self._had_turn:
            return (texts.NO_GAP if self.crowded else texts.LATE, ())
        if self._missing(now) == _LIVE:
            return (texts.NO_LIVE, (self.command.names[0],))
        return (texts.NO_SETTINGS, ())

    def _read(self, kinds) -> None:
        self.state = READING
        self._goal = kinds

    def _decide(self, now: int) -> None:
        """All frames are there: may the next write go out?"""
        try:
            if self._index == 0:  # anew when the settings changed before anything was sent
                self._steps = plan.make(self.command, self._reading, self.pack, self._level, self._chemistry)
            else:
                plan.check_step(self._step(), self._reading, dict(self._step().expected), {})
            self.state = SENDING
        except CommandError as refused:
            self._stop((refused.code, refused.values), refused.field)

    def _stop(self, why, field) -> None:
        """No (further) write goes out. field: name of the one that is to blame, None: all of them."""
        rows = self.command.rows
        for i in range(len(rows)):
            if self._index:  # a later step: what was done stays as it is
                if rows[i] in self._step().rows:
                    self.statuses[i] = REFUSED
            elif field is None or field == self.command.names[i]:
                self.statuses[i] = REFUSED
        self.status = REFUSED
        self.why = why
        self.state = DONE

    def _check(self, now: int) -> None:
        """The write is out: read back."""
        self.state = CHECKING
        self._reading.restart(self._step().kind)
        self._next = now

    def _compare(self, now: int) -> None:
        """Two frames agree on what the battery is set to now."""
        step = self._step()
        found = [self._reading.scaled(r) for r, _ in step.expected]
        wrong = -1
        for i in range(len(found)):
            if found[i] != step.expected[i][1] and wrong < 0:
                wrong = i
        if wrong >= 0 and since(now, self._sent_at) < _SETTLED:
            self._reading.restart(step.kind)
            self._next = after(now, _PAUSE)
            return
        for i in range(len(found)):
            if step.expected[i][0] in self.command.rows:
                self.values[self.command.rows.index(step.expected[i][0])] = found[i]
        if wrong < 0 and not self._acked and self._is_preset() and found == self._before:
            self._end_step(NO_ANSWER, (texts.PRESET_UNKNOWN, ()), now)
        elif wrong < 0:
            self._end_step(OK, None if self._acked else (texts.ACK_LOST, ()), now)
        else:
            self._judge(found, wrong, now)

    def _judge(self, found: list, wrong: int, now: int) -> None:
        """The battery is set to something else than what was asked. found: what is read back; wrong: index of the first
        that is not as asked."""
        r, asked = self._step().expected[wrong]
        value = found[wrong]
        if found != self._before and self._is_preset():
            from jkcore.writes import presets

            words = (presets.otherwise(self._step().expected, found),)
            self._end_step(DIFFERENT, (texts.PRESET_REST, words), now)
        elif found != self._before:
            words = (table.name(r), limits.told(r, asked), limits.told(r, value))
            self._end_step(DIFFERENT, (texts.DIFFERENT, words), now)
        elif self._acked:
            self._end_step(UNCHANGED, (texts.UNCHANGED, (table.name(r), limits.told(r, value))), now)
        elif self._exception >= 0:
            self._end_step(EXCEPTION, exception(self._exception), now)
        else:
            self._end_step(NO_ANSWER, (texts.LOST_UNCHANGED, ()), now)

    def _end_step(self, status: int, why, now: int) -> None:
        """The step is over, and with it the command, unless it went well and there is another step."""
        rows = self.command.rows
        for i in range(len(rows)):
            if rows[i] in self._step().rows:
                self.statuses[i] = status
        self.status = status
        if why is not None:
            self.why = why
        if status != OK or self._index + 1 == len(self._steps):
            self.state = DONE
            return
        self._index += 1
        self._begun = now
        self._read([self._step().kind])
        if not self._missing(now):
            self._decide(now)
