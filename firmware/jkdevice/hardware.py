"""From the board file and the configuration to the objects of the device: power pins, lines, watchdog.

A board file holds constants only; boards/desktop.py says which.
"""

import sys

from jkdevice.memory import forget


class BoardError(Exception):
    """Board and configuration do not fit: a sentence for people."""


def power_up(board):
    """Set the pins of board.POWER in their order: supplies and shut-down inputs of the transceivers."""
    if board.POWER:
        from machine import Pin

        for row in board.POWER:
            Pin(row[0], Pin.OUT, value=row[1])


def open_port(bus, board, log, network=None):
    """The line of a bus. bus.port is "tcp://host:port", or the name of a row of board.SERIAL (default: the first); on
    CAN that of a row of board.CAN. network: of open_network().
    """
    address = bus.config["port"]
    if bus.config["kind"] == "can":
        from jkdevice.ports import can_port

        receiver = open_can(board, address, bus.config["bitrate"], bus.config["listen_only"])
        return can_port.CanPort(bus, receiver, log)
    if not address and not board.SERIAL:
        text = "bus.port is missing: board " + board.NAME + " has lines on TCP only. Example: "
        raise BoardError(text + '"port": "tcp://192.168.1.20:8899"')
    if address.startswith("tcp://") or not board.SERIAL:
        from jkdevice import net
        from jkdevice.ports import tcp_port

        try:
            port = tcp_port.TcpPort(bus, address, log, net)
        except ValueError as error:
            raise BoardError(str(error))
        if network is not None:
            port.lookup = name_lookup(network, port.host)
        return port
    import machine

    from jkdevice.ports import uart_port

    row = serial_row(board, address)
    uart = uart_port.open_uart(machine, row[1:], bus.config["baud"])
    direction = uart_port.open_direction(machine, row[1:])
    return uart_port.UartPort(bus, row[0], uart, direction, row[5], log)


def serial_row(board, name):
    """The row of board.SERIAL with this name; the first for no name. Raises BoardError."""
    for row in board.SERIAL:
        if not name or row[0] == name:
            return row
    for row in board.CAN:
        if row[0] == name:
            text = 'bus.port = "%s" is a CAN line of board %s, but this bus is serial. '
            text += 'Example: "kind": "can", "port": "%s", "bitrate": 500000'
            raise BoardError(text % (name, board.NAME, name))
    names = ", ".join(['"' + row[0] + '"' for row in board.SERIAL])
    text = 'bus.port = "' + name + '" is not a line of board ' + board.NAME + ": it has " + names
    raise BoardError(text + '. Or a line on TCP: "tcp://192.168.1.20:8899"')


def open_can(board, name, bitrate, listen, everything=False):
    """The receiver of a CAN line of the board, see jkdevice.can.receiver; arguments as of jkdevice.can.rows.make."""
    import machine

    from jkdevice import can
    from jkdevice.can import rows

    receiver = rows.make(board, name, bitrate, listen, machine, everything)
    # As this module: used once. Its memory is the loop's.
    del sys.modules["jkdevice.can.rows"]
    del can.rows
    return receiver


def open_network(board, config, log, ticks):
    """The way into the network for board.NETWORK and the configuration's table `wifi`; None where the system has one.
    Raises BoardError.
    """
    ssid = config["ssid"]
    if board.NETWORK == "wifi":
        if not ssid:
            text = "wifi.ssid is missing: board " + board.NAME + " reaches the broker over WiFi. Example: "
            raise BoardError(text + '"wifi": {"ssid": "MyWiFi", "password": "secret12"}')
        import network

        from jkdevice.network import wifi

        return wifi.Wifi(config, network, log, ticks)
    if ssid:
        has = "has Ethernet" if board.NETWORK == "lan" else "has the network of its system"
        raise BoardError("wifi.ssid is set, but board " + board.NAME + " " + has + ": remove wifi.")
    if board.NETWORK is None:
        return None
    import network
    from machine import Pin

    from jkdevice.network import lan

    try:
        rows = lan.arguments(board.LAN, network, Pin)
        if hasattr(network, "hostname"):
            network.hostname(config["hostname"])
        way = lan.Lan(lan.maker(network.LAN, rows), log, ticks, getattr(network, "ETH_GOT_IP", None))
        way.set_up()
    except ValueError as error:
        raise BoardError("the Ethernet of board " + board.NAME + " cannot be set up: " + str(error))
    return way


def name_lookup(network, host):
    """Maker of a look-up that does not wait: lookup(name, now); None for an address."""
    from jkdevice import network as package
    from jkdevice.network import dns

    names = None if dns.is_address(host) else package.Names(network)
    forget(("network.dns",))
    return names


# Names in the module machine, and the words
_CAUSES = (
    ("PWRON_RESET", "power on"),
    ("HARD_RESET", "reset"),
    ("WDT_RESET", "watchdog"),
    ("DEEPSLEEP_RESET", "deep sleep"),
    ("SOFT_RESET", "restart of the program"),
)


def reset_reason():
    """Why the machine started, a word; "" where it does not tell."""
    try:
        import machine

        cause = machine.reset_cause()
    except (ImportError, AttributeError):
        return ""
    for name, word in _CAUSES:
        if cause == getattr(machine, name, None):
            # A Pico restarts itself by its watchdog: the two cannot be told apart.
            return "watchdog or reset" if name == "WDT_RESET" and sys.platform == "rp2" else word
    return "unknown (" + str(cause) + ")"


def open_watchdog(board):
    """machine.WDT where the board has one, else None."""
    if not board.WATCHDOG_MS:
        return None
    from machine import WDT

    return WDT(timeout=board.WATCHDOG_MS)


def client_id(board, instance):
    """The MQTT client id when none is configured: a device has the same after every restart, and every device
    another one. A PC has no such number: instance (bytes, new for each run) keeps two programs on it from throwing
    each other out at the broker for ever.
    """
    try:
        from machine import unique_id
    except ImportError:
        return "jkbridge-" + board.NAME + "-" + instance.decode()
    return "jkbridge-" + unique_id().hex()
