"""The bridge about itself and its links, as JSON: bridge/info, bridge/health, <pack>/link."""

from jkcore.clock import since
from jkcore.shim import const

_REASON = const(80)


def put_info(message, bridge) -> None:
    """bridge/info: what this bridge is and how it is configured; most of it was made at the start (info.py)."""
    message.put(bridge.info[0])
    message.put_byte(91)
    for bus in bridge.buses:
        if bus is not bridge.buses[0]:
            message.put_byte(44)
        message.open()
        message.string(b"kind", bus.config["kind"])
        message.string(b"port", bus.config["port"])
        if len(bridge.buses) > 1:
            message.string(b"name", bus.config["name"])
            message.string(b"prefix", bus.config["prefix"])
        message.string(b"role", bus.role())
        message.close()
    message.put_byte(93)
    message.put(bridge.info[1])


def put_health(message, bridge, now: int) -> None:
    """bridge/health: counters of bus, MQTT and the machine. `instance` lets another bridge on this base be noticed:
    it comes first, because of a message of more than 512 bytes nobody takes in more than the beginning."""
    message.open()
    message.string(b"instance", bridge.instance)
    online = 0
    for pack in bridge.packs:
        online += pack.online
    message.numbers(b"uptime packs packs_online", (bridge.uptime_s, len(bridge.packs), online))
    if bridge.desk is not None:
        message.string(b"writes", bridge.desk.word(now))
    message.key(b"bus")
    message.put_byte(91)
    for bus in bridge.buses:
        if bus is not bridge.buses[0]:
            message.put_byte(44)
        _put_bus(message, bus, len(bridge.buses) > 1)
    message.put_byte(93)
    publisher = bridge.publisher
    message.numbers(b"messages messages_dropped mqtt_reconnects", (
        publisher.messages, publisher.dropped, bridge.mqtt_reconnects))  # fmt: skip
    message.numbers(b"heap_free heap_low loop_gap", (bridge.heap_free, bridge.heap_low, bridge.loop_gap))
    if bridge.machine is not None:
        bridge.machine.put(message)
    message.close()


def _put_bus(message, bus, named: bool) -> None:
    message.open()
    if named:
        message.string(b"name", bus.config["name"] or bus.config["port"])
    message.string(b"state", bus.state())
    if bus.reason:
        message.string(b"reason", bus.reason[:_REASON])
    elif bus.evidence.verdict:
        message.string(b"verdict", bus.evidence.verdict)
    if bus.poller is None:  # CAN
        bus.put(message)
        message.close()
        return
    from jkcore.framer import REASONS  # a device with CAN alone does not have it

    message.numbers(b"openings bytes_in frames bytes_dropped", (bus.openings, bus.bytes_in, bus.frames, bus.garbage))
    message.key(b"rejected")
    message.open()
    message.numbers(REASONS, bus.rejects)
    message.close()
    poller = bus.poller
    message.numbers(b"foreign crossed echoes gap turn", (
        poller.foreign, poller.crossed, poller.echoes, poller.gap, poller.turn))  # fmt: skip
    if bus.gateway is not None:
        bus.gateway.put(message)
    message.close()


def put_link(message, pack, now: int) -> None:
    """<pack>/link: age of the live values in s, the turn in ms, and every kind of loss counted."""
    message.open()
    message.key(b"age")
    if pack.online:
        message.put_fixed(since(now, pack.last_live) // 100, 1)
    else:
        message.put(b"null")
    message.numbers(b"turn", (pack.turn or None,))
    pack.put_counts(message)
    message.close()
