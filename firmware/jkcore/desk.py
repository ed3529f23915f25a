"""Commands from outside: admitted, carried out one at a time on each bus, and their results.

    <base>/<pack>/set/<field>   one field        <base>/<pack>/set   several, as a JSON object
    <base>/<pack>/result        what became of it
    <base>/bridge/set/unlock    `safe 10`: allow more than `writes` for so many minutes; <base>/bridge/result

There is a Desk only when the configuration allows commands (`writes` or `unlock`). What checks and carries out a
command is in writes/, loaded when one comes and forgotten when all results are told. Nothing is kept over a restart.
"""

from jkcore import pack as pk
from jkcore.clock import since
from jkcore.log import INFO, WARNING
from jkcore.outbox import ABOUT, SETTINGS
from jkcore.shim import const, forget
from jkcore.writes.lock import WORDS, Lock

_MOST = const(8)  # commands waiting, and results the session has not taken; the log has those that are lost
_LONGEST_WORD = const(48)
_SURE = const(600000)  # so long a write that was not read back may still be done
_MOST_UNSURE = const(32)


class Desk:
    """One per bridge."""

    def __init__(self, bridge, config: dict):
        """config: the complete configuration."""
        self._bridge = bridge
        self._base = config["base"].encode()
        self._lock = Lock(config["writes"])
        self._unlock = WORDS.index(config["unlock"])  # the most a command may open it to
        self.configured = WORDS.index(config["writes"])  # what counts without an unlock
        self.terms = config["writes"] + " " + config["unlock"]
        self._chemistry = {}
        for entry in config["pack"]:
            if entry["chemistry"]:
                self._chemistry[entry["id"].encode()] = entry["chemistry"]
        self._waiting = []  # (pack, command, time of receipt)
        self._unsure = []  # (pack, row or -1 for any, value, time) of writes that were not read back
        self._results = []  # (id of the pack, command, transaction or CommandError)
        self._subscribed = 0

    # the session

    def subscriptions(self) -> list:
        """Topics of commands."""
        return [self._base + b"/+/set", self._base + b"/+/set/+"]

    def connected(self, now: int) -> None:
        """The subscriptions are sent."""
        self._subscribed = now

    def received(self, topic: bytes, payload, retained: bool, dup: bool, now: int, ours: bool) -> bool:
        """A message came; payload None: over 512 bytes; ours: the topics are known to be. False when it is no
        command."""
        if not topic.startswith(self._base + b"/"):
            return False
        parts = topic[len(self._base) + 1 :].split(b"/")
        if len(parts) not in (2, 3) or parts[1] != b"set":
            return False
        field = parts[2].decode() if len(parts) == 3 and _is_word(parts[2]) else "" if len(parts) == 2 else "?"
        if not _is_word(parts[0]):
            self._bridge.log(WARNING, "a command for a pack with an impossible id was refused")
        elif parts[0] == b"bridge":
            self._take_unlock(field, payload, retained, dup, now, ours)
        else:
            self._take(parts[0], field, payload, retained, dup, now, ours)
        return True

    def _take(self, pack_id: bytes, field: str, payload, retained: bool, dup: bool, now: int, ours: bool) -> None:
        """Let a command wait for its turn, or refuse it."""
        from jkcore.writes import command as commands
        from jkcore.writes import texts
        from jkcore.writes.refusal import CommandError

        command = commands.Command(pack_id, field)
        try:
            commands.admit(payload, retained, dup, since(now, self._subscribed), ours)
            pack = self._find(pack_id)
            if pack is None:
                raise CommandError(texts.NO_PACK, pack_id.decode())
            command.read(payload, self.level(now))
            if len(self._waiting) >= _MOST:
                raise CommandError(texts.BUSY)
            self._waiting.append((pack, command, now))
        except CommandError as refused:
            self._done(pack_id, command, refused)

    def _take_unlock(self, field: str, payload, retained: bool, dup: bool, now: int, ours: bool) -> None:
        from jkcore.writes import command as commands
        from jkcore.writes import lock, texts
        from jkcore.writes.refusal import CommandError

        command = commands.Command(b"bridge", field)
        try:
            commands.admit(payload, retained, dup, since(now, self._subscribed), ours)
            if field != "unlock":
                raise CommandError(texts.NO_FIELD, field) if field else CommandError(texts.EMPTY)
            command.given[0] = "".join([chr(byte) if 32 <= byte < 127 else "?" for byte in payload])
            order = lock.parse(payload)
            if order is None:
                raise CommandError(texts.UNLOCK, command.given[0])
            if order[0] > self._unlock:
                raise CommandError(texts.UNLOCK_LIMIT, WORDS[order[0]], WORDS[self._unlock])
            self._lock.open(order[0], order[1], now)
            self._withdraw(now)
            self._done(b"bridge", command, None)
            self._bridge.publisher.tell_health()
        except CommandError as refused:
            self._done(b"bridge", command, refused)

    def _find(self, pack_id: bytes):
        for pack in self._bridge.packs:
            if pack.id == pack_id:
                return pack
        return None

    # time

    def level(self, now: int) -> int:
        """How much may be changed now: OFF, SAFE or ALL of writes/lock.py."""
        return self._lock.level(now)

    def word(self, now: int) -> str:
        """The same as a word."""
        return WORDS[self._lock.level(now)]

    def tick(self, now: int) -> None:
        """Now and then: end what is done, begin what waits."""
        idle = True
        self._withdraw(now)
        while self._unsure and (since(now, self._unsure[0][3]) > _SURE or len(self._unsure) > _MOST_UNSURE):
            self._unsure.pop(0)
        for bus in self._bridge.buses:
            job = bus.job
            if job is not None and not job.busy():
                bus.job = None
                for r, value in job.unsure():
                    self._unsure.append((job.pack, r, value, now))
                job.pack.pending |= SETTINGS | ABOUT
                job.pack.notes[pk.DUE + 1] = job.pack.notes[pk.DUE + 3] = now  # whatever came of it is read soon
                self._done(job.pack.id, job.command, job)
            if bus.job is None and self._waiting:
                self._begin(bus, now)
            idle = idle and bus.job is None
        if idle and not self._waiting and not self._results:
            self._forget()

    def _begin(self, bus, now: int) -> None:
        """The first command that waits for a pack of this bus."""
        from jkcore.writes import texts
        from jkcore.writes.refusal import CommandError
        from jkcore.writes.transaction import Transaction

        for i in range(len(self._waiting)):
            pack, command, at = self._waiting[i]
            if pack in bus.packs:
                self._waiting.pop(i)
                if bus.poller is None:
                    reason = CommandError(texts.ON_CAN)
                elif not pack.address:
                    reason = CommandError(texts.MASTER)
                elif pack.notes[pk.CONFLICT] >= 0:
                    reason = CommandError(texts.CONFLICT, pack.address)
                elif not pack.online:  # a pack that is gone would hold the others up for 10 s with every command
                    reason = CommandError(texts.OFFLINE)
                else:
                    reason = self._closed(command, now) or self._taken(bus, pack, command)
                if reason is not None:
                    self._done(pack.id, command, reason)
                else:
                    bus.start(Transaction(command, pack, self.level(now), self.chemistry(pack), at))
                return

    def _closed(self, command, now: int):
        """Why a command that was taken may not go out any more: an unlock has closed meanwhile. None: it may."""
        if self.level(now) >= command.least:
            return None
        from jkcore.writes import texts
        from jkcore.writes.refusal import CommandError

        return CommandError(texts.TIER, command.names[0], WORDS[command.least], self.word(now))

    def _taken(self, bus, pack, command):
        """Why a pack may not get the address that the command gives it: another one has it. None: it may."""
        if "device_address" not in command.names:
            return None
        from jkcore.writes import texts
        from jkcore.writes.refusal import CommandError

        address = command.asked[command.names.index("device_address")]
        for other in bus.packs:
            if other is not pack and other.address == address and other.counts[pk.ANSWERS]:
                return CommandError(texts.TAKEN, address, other.id.decode())
        return None

    def _withdraw(self, now: int) -> None:
        """End the commands of which nothing has been sent, and for which too little is allowed now."""
        for bus in self._bridge.buses:
            if bus.job is not None and bus.job.busy():
                refused = self._closed(bus.job.command, now)
                if refused is not None:
                    bus.job.withdraw((refused.code, refused.values))

    def stop(self, now: int) -> None:
        """The bridge ends, or its topics are another's: what is under way is told as not known, what waits as not
        done."""
        if self._waiting:
            from jkcore.writes import texts
            from jkcore.writes.refusal import CommandError

            for pack, command, _ in self._waiting:
                self._done(pack.id, command, CommandError(texts.STOPPED))
            self._waiting = []
        for bus in self._bridge.buses:
            if bus.job is not None and bus.job.busy():
                bus.job.abort()
        self.tick(now)

    def chemistry(self, pack):
        """The chemistry of a pack's cells as configured, None without."""
        return self._chemistry.get(pack.id)

    def explains(self, pack, r: int, value) -> bool:
        """True when a command of ours has set row `r` of this pack to `value`: the one under way, or one that was told
        as not done and is done late."""
        for bus in self._bridge.buses:
            if bus.job is not None and bus.job.pack is pack and bus.job.touches(r):
                return True
        for other, row, asked, _ in self._unsure:
            if other is pack and (row < 0 or row == r and asked == value):
                return True
        return False

    # results

    def _done(self, pack_id: bytes, command, outcome) -> None:
        """outcome: the transaction, a CommandError, or None: carried out at once."""
        from jkcore.writes import result

        good, text = result.summary(pack_id, command, outcome)
        self._bridge.log(INFO if good else WARNING, text)
        if len(self._results) >= _MOST:  # the session takes none: what has been sent to a battery is told first
            at = 0
            while at < _MOST - 1 and getattr(self._results[at][2], "sent", None):
                at += 1
            self._results.pop(at)
        self._results.append((pack_id, command, outcome))

    def put_result(self, message) -> bool:
        """Write the next result; False when there is none."""
        if not self._results:
            return False
        pack_id, command, outcome = self._results.pop(0)
        from jkcore.writes import result

        message.start(False)
        message.put(self._base)
        message.put_byte(47)
        message.put(pack_id)
        message.put(b"/result")
        message.body()
        result.put(message, command, outcome)
        return True

    def _forget(self) -> None:
        """Give a device the memory of writes/ back."""
        forget("writes")


def _is_word(text: bytes) -> bool:
    """True for what may stand in a topic of ours: letters, digits, _ and -, not too many."""
    if not 0 < len(text) <= _LONGEST_WORD:
        return False
    for byte in text:
        if not (48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte in (45, 95)):
            return False
    return True
