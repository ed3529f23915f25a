"""What a CAN port of the device says about its bus. Loaded when something is to be said, then forgotten."""


def sentence(kind, receiver, bitrate):
    """kind: GOOD, OFF, ODD, GARBLED or SILENT of jkdevice.ports.can_port, in this order from 0 on; bitrate: bit/s."""
    return (_opened, _off, _odd, _garbled, _silent)[kind](receiver, bitrate)


def _speed(bitrate):
    return str(bitrate // 1000) + " kbit/s"


def _opened(receiver, bitrate):
    how = " It listens only and acknowledges nothing." if receiver.listen else ""
    return "The CAN line is " + receiver.name + " at " + _speed(bitrate) + "." + how


def _off(receiver, bitrate):
    text = receiver.name + " is off the bus after too many errors, and is put back on it. Check CANH and CANL, the "
    return text + "120 ohm at both ends and bus.bitrate (now " + str(bitrate) + ")."


def _odd(receiver, bitrate):
    return receiver.why


def _garbled(receiver, bitrate):
    other = 250000 if bitrate == 500000 else 500000
    text = receiver.name + ": only errors come from the bus at " + _speed(bitrate) + ", not one frame. The bit rate is "
    text += "wrong, or the wires are (H and L swapped, no 120 ohm at both ends). CAN protocol 000 of the app is 250 "
    return text + 'kbit/s, 006 is 500 kbit/s. Try "bitrate": ' + str(other) + "."


def _silent(receiver, bitrate):
    text = receiver.name + ": no frame of a JK BMS comes at " + _speed(bitrate) + ". Check the wires, that the battery "
    text += "is on, and that its CAN protocol in the app is 000 (250 kbit/s) or 006 (500 kbit/s)"
    if not receiver.listen:
        return text + "."
    return text + '. A battery alone on the bus needs somebody who acknowledges: "listen_only": false.'
