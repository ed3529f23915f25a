"""The bridge: what both homes drive. Buses in, MQTT messages out; time is handed in with every call.

A home's loop: feed each bus what its port has, bus.tick and write, bridge.tick, let the MQTT session work, then send
what next_message gives while the session can take it.
"""

from jkcore import texts
from jkcore.buses import Makers
from jkcore.clock import since
from jkcore.fields import table
from jkcore.log import DEBUG, INFO, say
from jkcore.message import SIZE, Message
from jkcore.publish import Publisher
from jkcore.shim import const, forget

_SLOW = const(250)  # ms between two looks at what time alone makes due
_BUS_INFO = const(400)  # bytes a bus may take in bridge/info
_VOLTAGE = table.find("pack_voltage", 2)


class Bridge:
    """Built once from a complete configuration (jkcore.config.load)."""

    def __init__(self, config: dict, log, instance: bytes, runtime: str, board: str, per_second: int = 50):
        """instance: 8 random hex digits of this run; per_second: discovery messages a second at most."""
        self.log = log
        self.instance = instance
        self.message = Message()
        self.info = self._make_info(config, runtime, board)  # bridge/info before and behind the buses
        self.packs = []
        self.desk = None  # takes commands, where the configuration allows them
        if config["writes"] != "off" or config["unlock"] != "off":
            from jkcore.desk import Desk

            self.desk = Desk(self, config)
        self.publisher = Publisher(self, config, per_second)
        self.notes = {}  # of earlier runs about packs not known yet, see leftovers.py
        self.makers = Makers(self, config)
        self.buses = [self.makers.bus(bus) for bus in config["bus"]]
        self.uptime_s = 0
        self.mqtt_reconnects = 0
        self.heap_free = None
        self.heap_low = None
        self.machine = None  # with put(message): what a device tells of itself in bridge/health
        self.loop_gap = 0

        self._base = config["base"]
        self._status_topic = config["discovery"]["status"].encode() if config["discovery"]["enabled"] else b""
        self.will_topic = self._topic("state")
        self.will_payload = b"offline"
        self._guard = None  # while it is not known that the topic base is ours
        self._clear = False  # it is
        self._session = False
        self._stopping = False
        self._slow_at = -1
        self._uptime_ms = 0

    def _topic(self, name: str) -> bytes:
        return (self._base + "/bridge/" + name).encode()

    def _make_info(self, config: dict, runtime: str, board: str):
        from jkcore import info

        message = self.message
        message.start(False)
        info.put_head(message, self.instance, runtime, board)
        head = message.taken()
        message.start(False)
        info.put_tail(message, config)
        forget("info")
        # With 15 names of 40 letters that take four bytes each it would be longer than any message may be.
        too_long = message.overflow or len(head) + message.end + _BUS_INFO * len(config["bus"]) > SIZE
        return head, b',"configuration":null}' if too_long else message.taken()

    def new_pack(self, bus, address: int):
        """A pack nobody configured was heard."""
        pack = self.makers.pack(bus.config, address)
        bus.add(pack)
        self.packs.append(pack)
        if pack.id in self.notes:
            from jkcore import leftovers

            leftovers.compare(self, pack, self.notes.pop(pack.id))
            forget("leftovers")
        say(self.log, INFO, texts.HEARD, pack.id)
        return pack

    def came_online(self, pack) -> None:
        """The first good live frame of a pack, in this run or after it was offline."""
        if pack not in self.packs:
            self.packs.append(pack)
        value = pack.scaled(_VOLTAGE) or 0
        say(self.log, INFO, texts.ONLINE, pack.id, pack.cells(), value // 1000, value % 1000)

    # the session

    def subscriptions(self) -> list:
        """Topics to subscribe at every connect, QoS 0."""
        topics = [self.will_topic, self._topic("health")]  # another bridge on this base is known by its health
        if self._status_topic:
            topics.append(self._status_topic)
        if self._scans():
            topics.append(self._base.encode() + b"/+/availability")
        if self._status_topic:
            topics.append(self._base.encode() + b"/+/offered")
        if self.desk is not None:
            topics.extend(self.desk.subscriptions())
        return topics

    def _scans(self) -> bool:
        """True when some bus finds its packs by asking all addresses."""
        for bus in self.buses:
            if bus.config["scan"]:
                return True
        return False

    def _remember(self, topic: bytes) -> None:
        """An earlier run left this pack "online": it exists, and is offline until it answers."""
        pack_id = topic[len(self._base) + 1 : topic.rfind(b"/")]
        for bus in self.buses:
            if bus.poller is None:
                bus.recall(pack_id, self.makers)
            for pack in bus.packs:
                if pack.id == pack_id and pack not in self.packs and pack.owner in (None, pack):
                    self.packs.append(pack)
                    self.publisher.recall(pack)

    def connected(self, now: int) -> None:
        """The MQTT session is up and the subscriptions are sent."""
        self._session = True
        if self.desk is not None:
            self.desk.connected(now)
        if not self._clear:  # once clear, a reconnection needs no new look
            self._make_guard().connected(now)
        self._obey_guard(now)

    def disconnected(self, now: int) -> None:
        self._session = False
        self.publisher.disconnected()

    def received(self, topic: bytes, payload, retained: bool, dup: bool, now: int, whole: bool = True) -> None:
        """A message arrived; whole False: it was longer than 512 bytes, payload is how it begins.

        Nothing that is not whole is used, but that a long bridge/health (several buses) tells whose it is.
        """
        if self.desk is not None and self._is_order(topic, payload if whole else None, retained, dup, now):
            return
        if not whole and (retained or not topic.endswith(b"/bridge/health")):
            say(self.log, DEBUG, texts.TOO_LONG, topic)
        elif topic == self.will_topic:
            online = payload == b"online"
            if self._guard is not None:
                self._guard.heard_state(online, now)
            if not online and not retained and not self._stopping:
                self.publisher.say_online()  # the will of a session of ours that the broker had not given up yet
        elif topic == self._status_topic:
            if payload == b"online" and not retained:
                say(self.log, INFO, texts.BIRTH)
                self.publisher.announce(now)
        elif topic.endswith(b"/offered"):
            if retained and not self._stopping:
                from jkcore import leftovers

                leftovers.found(self, topic, payload)
                forget("leftovers")
        elif topic.endswith(b"/availability"):
            if retained and payload == b"online":
                self._remember(topic)
        elif not retained and payload.find(self.instance) < 0:
            # bridge/health, and not our own
            self._make_guard().heard_other(payload, now)
            self._obey_guard(now)

    def _is_order(self, topic: bytes, payload, retained: bool, dup: bool, now: int) -> bool:
        """True for a command; it is carried out only where the topics are known to be ours. While that is in doubt it
        is refused, which is told when they are; those of another bridge are no business of ours."""
        others = self._guard is not None and self._guard.is_refused()
        if not self._stopping and not others:
            return self.desk.received(topic, payload, retained, dup, now, self._clear)
        return topic.find(b"/set", len(self._base)) > 0

    def _make_guard(self):
        """The guard; a device keeps it only while there is doubt."""
        if self._guard is None:
            from jkcore.guard import Guard

            self._guard = Guard(self._base, self.instance, self.log, self._clear)
        return self._guard

    def _obey_guard(self, now: int) -> None:
        if not self._session or self._stopping:
            return
        if self._guard is not None:
            self._clear = self._guard.may_publish(now)
            if self._clear:
                self._guard = None
                forget("guard")
        if not self._clear:
            if self.desk is not None:  # whose commands they are is in doubt
                self.desk.stop(now)
            self.publisher.disconnected()
        elif self.publisher.is_down():
            self.publisher.connected(now)

    # time

    def tick(self, now: int) -> None:
        """Every turn of the loop."""
        if self._slow_at >= 0 and since(now, self._slow_at) < _SLOW:
            return
        if self._slow_at >= 0:
            self._uptime_ms += since(now, self._slow_at)
            self.uptime_s = (self.uptime_s + self._uptime_ms // 1000) & 0x3FFFFFFF
            self._uptime_ms %= 1000
        self._slow_at = now
        for bus in self.buses:
            bus.check_stale(now)
            if bus.evidence.overdue(bus, now):
                self._call_doctor(bus, now)
        if self.desk is not None:
            self.desk.tick(now)
        self._obey_guard(now)
        self.publisher.tick(now)
        for bus in self.buses:
            if bus.state() != bus.told:
                bus.told = bus.state()
                self.publisher.tell_health()
            if bus.role() != bus.role_told:
                bus.role_told = bus.role()
                self.publisher.tell_info()

    def _call_doctor(self, bus, now: int) -> None:
        """Nothing good has come from this bus for a while: find out why, for the log and bridge/health."""
        from jkcore import doctor

        before = bus.evidence.verdict
        doctor.judge(bus, self.log, now)
        if bus.evidence.verdict != before:
            self.publisher.tell_health()
        forget("doctor")
        forget("verdicts")

    def sleep_ms(self, now: int) -> int:
        """How long the loop may rest if nothing arrives."""
        wait = self.publisher.sleep_ms(now)
        for bus in self.buses:
            left = bus.sleep_ms(now)
            if left < wait:
                wait = left
        return wait if wait < _SLOW else _SLOW

    def next_message(self, now: int) -> bool:
        """Fill self.message with the next PUBLISH; False: nothing is due. Call only while the session takes one."""
        return self._session and self.publisher.next_message(self.message, now)

    def stop(self, now: int) -> None:
        """From now on only the offline messages come."""
        self._stopping = True
        if self.desk is not None:
            self.desk.stop(now)
        if self.publisher.is_down():
            self._session = False
        else:
            self.publisher.stop()

    def measured(self, heap_free: int, loop_gap: int, mqtt_reconnects: int) -> None:
        """The home's own figures: free heap in bytes (-1: unknown), longest loop gap in ms, MQTT reconnections."""
        if heap_free >= 0:
            self.heap_free = heap_free
            if self.heap_low is None or heap_free < self.heap_low:
                self.heap_low = heap_free
        self.loop_gap = loop_gap
        self.mqtt_reconnects = mqtt_reconnects
