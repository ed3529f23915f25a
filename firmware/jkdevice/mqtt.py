"""The device's MQTT session. umqtt.simple makes CONNECT (with the will), SUBSCRIBE, PINGREQ and DISCONNECT.

  * The socket never blocks. A packet the socket takes only in part is finished before anything else is
    written; a broker that takes nothing for `keepalive` seconds, or says nothing for one and a half times as
    long, is left and connected again.
  * A PUBLISH is built in place in the message's own buffer and goes out in one write, without heap.
  * What comes in is read by mqtt_reader in a fixed buffer; umqtt.simple reads nothing (mqtt_pipe says why).
  * Connecting and writing are in mqtt_link; the look-up of the broker's name is the only step that blocks.

The loop's side: poll(now) every turn; while ready(): publish(message); close(polite) at the end.
Tests: tests/shared/test_device_mqtt.py, tests/test_device_end_to_end.py.
"""

from jkcore import clock, log
from jkcore.shim import const
from jkdevice import mqtt_reader, oserrors
from jkdevice.mqtt_link import Link
from jkdevice.mqtt_pipe import Pipe

STEP_MS = const(5000)  # time for the TCP connection, and again for CONNACK
TLS_STEP_MS = const(20000)  # with a handshake, whose steps have to wait for the bus
_STABLE_MS = const(10000)  # a session that lasted so long was a good one: back-off starts anew
_PACKETS = const(4)  # handled in one turn: each may take the core some time
_HEAD = const(7)  # bytes free before the topic, jkcore.message.HEAD

_DOWN = const(0)
_OPENING = const(1)  # TCP connection under way, CONNECT goes out as soon as it is made
_WAITING = const(2)  # for CONNACK
_SUBSCRIBING = const(3)
_UP = const(4)

_REFUSALS = (
    "it speaks another version of MQTT",
    "it does not accept the client id {id}: set another mqtt.client_id",
    "it is not available at the moment",
    "user name or password is wrong: check mqtt.user and mqtt.password",
    "user {user} may not connect: check mqtt.user, mqtt.password and the broker's access list",
)


def _unused(topic, payload):
    """umqtt.simple wants a callback before it subscribes; as it reads nothing, it never calls it."""


class Session(Link):
    """One MQTT connection, made again for ever.

    config: the configuration's `mqtt` table;  bridge: the core;  log(level, text);  ticks() -> 30-bit ms;
    net: resolve/start/close as in jkdevice.net;  umqtt: the module umqtt.simple (its `socket` is replaced);
    client_id: used when the configuration names none. It must be the same after a restart: then the broker
    ends the old session, and its will, before it accepts the new one.
    """

    def __init__(self, config, bridge, log, ticks, net, umqtt, client_id):
        super().__init__(config["host"], config["port"], log, ticks, net)
        self.reconnects = 0  # connections after the first
        self._bridge = bridge
        self._user = config["user"]
        self._keepalive = config["keepalive"] * 1000
        self._client_id = config["client_id"] or client_id
        user = config["user"].encode() if config["user"] else None
        password = config["password"].encode() if user else None
        will = bridge.will_topic
        longest = 64 + len(self._client_id) + len(will)
        if user:
            longest += len(user) + len(password)
        for topic in bridge.subscriptions():
            longest = max(longest, len(topic) + 16)
        self._pipe = Pipe(longest)
        umqtt.socket = self._pipe
        # Bytes everywhere: umqtt.simple writes the length of a str in characters.
        client = umqtt.MQTTClient(
            self._client_id.encode(), self._host, self._port, user, password, config["keepalive"]
        )
        client.set_callback(_unused)
        client.set_last_will(will, bridge.will_payload, True, 0)
        self._client = client
        self._reader = mqtt_reader.Reader()
        self._closed = False
        self._state = _DOWN
        self._connections = 0
        self._topics = ()
        self._puback = -1  # packet id to acknowledge
        self._proven = False
        self._heard = 0
        self._pinged = 0

    # For the loop

    def up(self):
        """True while the broker has us."""
        return self._state == _UP

    def ready(self):
        """True when publish() may be called."""
        return self._state == _UP and not self._end and self._puback < 0

    def poll(self, now):
        """Do what can be done without waiting."""
        self._now = now
        self._may_block(now)  # it must know when the bus was idle
        if self.network is not None and not self._joined(now):
            return
        if self._state == _DOWN:
            if not self._closed and self._backoff.due(now):
                self._begin(now)
            return
        # Not while subscribing: what is retained must not reach the core before connected().
        if self._state == _UP or self._state == _WAITING:
            self._receive(now)
        if self._end and self._state == _OPENING:
            self._push_first()
        elif self._end:
            self._push()
        if self._state == _UP:
            self._keep_up(now)
        elif self._state != _DOWN:
            self._come_up(now)

    def publish(self, message):
        """Send a jkcore message with QoS 0. Only when ready(); its buffer must stay as it is until ready()
        again.
        """
        buf = message.buf
        length = message.topic_end - _HEAD
        buf[5] = length >> 8
        buf[6] = length & 255
        length = message.end - 5
        at = 4
        while length > 127:
            at -= 1
            length >>= 7
        self._out = buf
        self._pos = at - 1
        self._end = message.end
        buf[at - 1] = 0x31 if message.retain else 0x30
        length = message.end - 5
        while length > 127:
            buf[at] = length & 127 | 128
            at += 1
            length >>= 7
        buf[at] = length
        self._moved = self._now
        self._push()

    def close(self, polite):
        """End for good. polite: say DISCONNECT, so that the broker drops the will; else the will speaks."""
        self._closed = True
        if polite and self.ready():
            try:
                self._pipe.clear()
                self._client.disconnect()
                self._send_pipe()
            except Exception as error:
                self._log(log.DEBUG, "DISCONNECT could not be sent: " + oserrors.words(error) + ".")
        up = self._state == _UP
        self._let_go()
        if up:
            self._bridge.disconnected(self._now)

    # Connecting

    def _ask(self):
        """Have umqtt.simple make its CONNECT."""
        pipe = self._pipe
        pipe.clear()
        pipe.pid = -1
        pipe.opened = False
        client = self._client
        client.sock = None
        client.pid = 0  # it never wraps by itself, and 0 is no packet id
        try:
            client.connect(True, 5)
        except TypeError:
            if pipe.opened:
                raise
            client.connect(True)  # up to 1.4.0 there is no time-out
        self._reader.clear()
        self._state = _OPENING
        self._since = self._now
        self._out = pipe.buf
        self._pos = 0
        self._end = pipe.fill
        self._push_first()

    def _come_up(self, now):
        limit = STEP_MS if self.tls is None else TLS_STEP_MS
        late = clock.since(now, self._since) >= limit
        if self._state == _OPENING:
            if not self._end:
                self._state = _WAITING
                self._since = now
            elif late:
                self._drop("it does not answer")
        elif self._state == _WAITING:
            if late:
                text = "it took the connection, but said nothing within " + str(limit // 1000)
                self._drop(text + " s: check that it is an MQTT broker")
        elif self._end:
            self._unstall(now)
        elif self._topics:
            self._subscribe(self._topics.pop(0))
        else:
            self._came_up(now)

    def _came_up(self, now):
        self._state = _UP
        self._since = now
        self._heard = now
        self._proven = False
        self._connections += 1
        self.reconnects = self._connections - 1
        self._said = ""
        self._log(log.INFO, "Connected to the MQTT broker " + self._host + ":" + str(self._port) + ".")
        self._bridge.connected(now)

    def _subscribe(self, topic):
        pipe = self._pipe
        pipe.clear()
        pipe.pid = self._client.pid + 1
        try:
            self._client.subscribe(topic)
            pipe.mend_length()
        except Exception as error:
            self._drop("umqtt.simple cannot subscribe (" + oserrors.words(error) + ")")
            return
        self._send_pipe()

    # Connected

    def _keep_up(self, now):
        """Ping, and leave a broker that is silent or takes nothing."""
        if clock.since(now, self._heard) >= self._keepalive * 3 // 2:
            self._drop("it has said nothing for " + str(self._keepalive * 3 // 2000) + " s")
            return
        if self._end or self._puback >= 0:
            self._unstall(now)
            return
        third = self._keepalive // 3
        if clock.since(now, self._pinged) >= third and (
            clock.since(now, self._heard) >= third or clock.since(now, self._sent) >= third
        ):
            self._pinged = now
            self._pipe.clear()
            self._client.ping()
            self._send_pipe()
        if not self._proven and clock.since(now, self._since) >= _STABLE_MS:
            self._proven = True
            self._backoff.reset()

    def _unstall(self, now):
        if self._end:
            if clock.since(now, self._moved) >= self._keepalive:
                self._drop("it has taken no data for " + str(self._keepalive // 1000) + " s")
            return
        pipe = self._pipe
        pipe.clear()
        pipe.write(b"\x40\x02")
        pipe.write(bytes((self._puback >> 8, self._puback & 255)))
        self._puback = -1
        self._send_pipe()

    def _receive(self, now):
        try:
            self._read()
        except OSError:  # without `as error`, as in _push
            self._drop("the connection was cut")
        self._handle(now)

    def _read(self):
        got = self._reader.read(self._sock)
        if got > 0:
            self._heard = self._now
            self._reached = self._now
        elif got == 0:
            # Some brokers hang up instead of refusing.
            self._drop("it closed the connection" + (" (user name, password?)" if self._state == _WAITING else ""))

    def _handle(self, now):
        """The packets that are whole, a few in one turn."""
        left = _PACKETS
        while left and self._puback < 0 and (self._state == _UP or self._state == _WAITING):
            kind = self._reader.next()
            if kind == mqtt_reader.NONE:
                return
            self._packet(kind, now)
            left -= 1

    def _packet(self, kind, now):
        reader = self._reader
        if kind == mqtt_reader.GARBAGE or (kind == mqtt_reader.CONNACK) != (self._state == _WAITING):
            self._drop("it sent something that is not MQTT 3.1.1: check mqtt.host and mqtt.port")
        elif kind == mqtt_reader.CONNACK:
            code = reader.buf[reader.body + 1]
            if code:
                text = _REFUSALS[code - 1] if code <= len(_REFUSALS) else "refusal code " + str(code)
                self._drop(text.replace("{id}", self._client_id).replace("{user}", self._user or "(none)"))
                return
            self._failures = 0
            self._state = _SUBSCRIBING
            self._since = now
            self._pinged = now
            self._topics = list(self._bridge.subscriptions())
        elif kind == mqtt_reader.SUBACK:
            if reader.buf[reader.end - 1] & 128:
                text = self._where + " refuses a subscription: give user " + (self._user or "(none)")
                self._log(log.WARNING, text + " the right to read the bridge's topics. Commands will not arrive.")
        elif kind == mqtt_reader.PUBLISH:
            self._deliver(reader, now)

    def _deliver(self, reader, now):
        start = reader.topic_end
        if reader.flags & 6:
            self._puback = reader.buf[start] << 8 | reader.buf[start + 1]
            start += 2
        if reader.topic_end == reader.body:
            self._log(log.WARNING, self._where + " sent a message with an endless topic: dropped.")
            self._puback = -1  # its packet id is gone, too; the broker may send it again
            return
        topic = bytes(reader.buf[reader.body + 2 : reader.topic_end])
        payload = bytes(reader.buf[start : reader.end])
        flags = reader.flags
        self._bridge.received(topic, payload, bool(flags & 1), bool(flags & 8), now, reader.whole)

    # Ending

    def _send_pipe(self):
        self._out = self._pipe.buf
        self._pos = 0
        self._end = self._pipe.fill
        self._moved = self._now
        self._push()

    def _let_go(self):
        self._net.close(self._sock)
        self._sock = None
        self._state = _DOWN
        self._end = 0
        self._puback = -1
        self._reader.clear()

    def _drop(self, reason):
        up = self._state == _UP
        self._let_go()
        self._failures += 1
        if self._failures > 1:
            self._row = None  # the broker may have moved
        self._fail(self._where + (" is lost: " if up else " cannot be used: ") + reason + ".")
        if up:
            self._bridge.disconnected(self._now)
