"""Every sentence the core says to people, by its code. Loaded when one is said; a device then forgets it again."""

from jkcore.shim import const

# Index into _SENTENCES, arguments behind it
NO_ACK = const(0)
EXCEPTION = const(1)  # address, code
REJECTED = const(2)  # bytes, index of REJECTS
DAMAGED = const(3)  # pack id, address
SILENT = const(4)  # pack id, address
NO_ANSWER = const(5)  # pack id
FOREIGN_BYTES = const(6)
FOREIGN_FRAMES = const(7)  # address
FOREIGN_REQUESTS = const(8)  # address
OFFLINE = const(9)  # pack id, seconds, why: index of _WHY or text, address
TRUSTED = const(10)  # address
DROPPED = const(11)  # pack id, index of DOUBTS
CONTRADICTS = const(12)  # pack id, index of DOUBTS
CONFLICT = const(13)  # address
HAS_ALARMS = const(14)  # pack id, alarms
ALARMS_NOW = const(15)  # pack id, alarms
CHANGED = const(16)  # pack id, names of settings
HEARD = const(17)  # pack id
ONLINE = const(18)  # pack id, cells, V, mV
TOO_LONG = const(19)  # topic
BIRTH = const(20)
FOUND = const(21)  # addresses
NOBODY = const(22)
ROLE_LISTEN = const(23)
ROLE_LISTEN_ONLY = const(24)
ROLE_POLL = const(25)
ROLE_POLL_AGAIN = const(26)
UNHEARD = const(27)  # pack id, address
GATEWAY_SILENT = const(28)  # port, seconds
GATEWAY_BACK = const(29)  # port
GATEWAY_MODBUS = const(30)  # port
GATEWAY_HANGS_UP = const(31)  # port
GATEWAY_SHARED = const(32)  # port
GATEWAY_LOSSY = const(33)  # port, damaged answers, answers
CAN_ADDRESS = const(34)  # address
CAN_CONFLICT = const(35)  # address
CAN_ORDERS = const(36)
CAN_STARVED = const(37)  # pack id
CAN_DISAGREES = const(38)  # pack id, field, RS485, CAN
CAN_ALONE = const(39)  # pack id
CAN_TOO = const(40)  # pack id
CAN_LOST = const(41)  # pack id
CAN_UNHEARD = const(42)  # pack id, address

_LOOK_AT = "check its power, cable (A and B swapped?) and DIP switches"
_FOREIGN = (
    ": not sending until the line has been silent for %s. Only one master may talk; is a pack at DIP address 0, "
    "an inverter or another bridge on this line, or a second program connected to its gateway?"
)
_LONG = "some seconds"
_TRANSPARENT = "Set it to transparent mode (also called raw, or TCP server without protocol), 115200 baud, 8N1"
_SENTENCES = (
    "a frame without a valid ack behind it was dropped",
    "pack %d refused a request, code %d",
    "%d bytes dropped: %s",
    "pack %s answers, but its answers arrive damaged: two packs with DIP address %d, a bad cable, or missing "
    "termination",
    "pack %s does not answer at address %d: " + _LOOK_AT,
    "pack %s: no answer",
    "heard bytes nobody here asked for" + _FOREIGN % "2 s",
    "heard frames of pack %d that nobody here asked for" + _FOREIGN % _LONG,
    "heard requests of another master to pack %d" + _FOREIGN % _LONG,
    "pack %s: no good live frame for %d s, now offline: %s",
    "address %d: one pack answers again",
    "pack %s: live frame dropped: %s",
    "pack %s contradicts itself: %s. Its values are published as it sends them; look at its wiring",
    "two packs answer at address %d: give each pack a DIP address of its own. Until then nothing of this address is "
    "published",
    "pack %s has alarms: %s",
    "pack %s alarms now: %s",
    "pack %s: settings changed by another hand: %s",
    "pack %s heard",
    "pack %s online: %d cells, %d.%03d V",
    "a message of more than 512 bytes on %s was refused",
    "Home Assistant has started: announcing everything again",
    "bus.packs is not given, so addresses 1 to 15 were asked: %s answered. New ones are found within 30 s",
    "none of the addresses 1 to 15 answers: " + _LOOK_AT + ", and that the port is RS485-2 (or RS485-1 with protocol "
    "001)",
    "another master asks the packs on this line (a JK pack at DIP address 0, an inverter or another bridge): listening "
    "to what they tell it, sending nothing",
    "listening only, as configured",
    "nobody else talks on this line: asking the packs",
    "the other master has fallen silent: asking the packs again",
    "pack %s has not been heard: the master on this line gets no answer from address %d; " + _LOOK_AT,
    "%s: nothing has come over the network for %d s, so the connection is made anew, and then once a minute until "
    "something comes. Is the gateway's RS485 side wired, are the packs switched on?",
    "%s: bytes come over the network again",
    "%s answers in Modbus TCP: the gateway translates instead of passing bytes on. " + _TRANSPARENT,
    "%s closes the connection each time a pack is asked: the gateway is probably in Modbus TCP mode. " + _TRANSPARENT +
    ". If it is, look for a second program that is connected to it",
    "%s: answers come that nobody here asked for, without anybody on the line asking: a second program is probably "
    "connected to the gateway. Only one may ask the packs: end the other one",
    "%s: %d of the last %d answers came damaged or cut short: the gateway or its network loses bytes. Check its baud "
    "rate (115200), its WiFi signal, that it packs at least 310 bytes, and the RS485 wiring",
    "a battery with CAN address %d is heard: behind 11 the identifiers of different messages run into each other. "
    "Give each battery an address from 0 to 11",
    "two batteries send with CAN address %d: their values jump back and forth. Give each one an address of its own "
    "(DIP switches, or device address in the app). Until then nothing of this address is published",
    "another device controls a battery on this bus: frames with identifier 0x18F0F428 switch charging, discharging or "
    "balancing. This bridge never sends any",
    "pack %s: messages with cell voltages come, but some of them are always lost, so no cell is shown. The controller "
    "or adapter is too slow for this bus, or another program takes its time",
    "pack %s: RS485 and CAN have contradicted each other for a minute (%s: %s and %s). Are rs485 and can of this "
    "[[pack]] the same battery, and is sign of the CAN bus right? Values of RS485 are published",
    "pack %s: nothing good comes over RS485, its values are those of CAN",
    "pack %s: values come over RS485 again",
    "pack %s: nothing comes over CAN any more, its values are those of RS485 alone",
    "pack %s has not been heard on CAN: nothing comes from address %d, though something of others. Is it on, its CAN "
    "jack on this bus, its address right?",
)

# Why bytes were rejected, by framer.reason
REJECTS = (
    "bytes that belong to no frame",
    "frame cut short",
    "frame of unknown type",
    "frame spliced from two (a second start inside)",
    "frame with a wrong checksum",
)
# Why a live frame is doubted, by the answer of gate.judge
DOUBTS = (
    "plausible",
    "a value no battery can have",
    "cells do not add up to the pack voltage",
    "cell average does not fit the cells",
    "cell difference does not fit the cells",
    "highest or lowest cell does not fit the cells",
    "the two pack voltages differ",
    "the two MOSFET temperatures differ",
    "state of charge does not fit the charge left",
    "power does not fit voltage and current",
    "a state that does not exist",
    "a temperature no battery can have",
)
# Why a pack went offline
WHY_FOREIGN = const(0)
WHY_SILENT = const(1)
WHY_DAMAGED = const(2)
WHY_UNHEARD = const(3)
_WHY = (
    "somebody else is talking on this line, so nothing is asked",
    "it does not answer at address %d; " + _LOOK_AT,
    "what it answers is damaged or implausible, see its link topic",
    "nothing of it is heard on this line any more; is it switched off, or its DIP address another one?",
)


def sentence(code: int, args) -> str:
    """The sentence with its arguments; pack ids and topics come as bytes."""
    texts = [arg.decode() if isinstance(arg, bytes) else arg for arg in args]
    if code == REJECTED:
        texts[1] = REJECTS[texts[1]]
    elif code == DROPPED or code == CONTRADICTS:
        texts[1] = DOUBTS[texts[1]]
    elif code == OFFLINE:
        address = texts.pop()
        if texts[2] == WHY_SILENT:
            texts[2] = _WHY[WHY_SILENT] % address
        elif not isinstance(texts[2], str):
            texts[2] = _WHY[texts[2]]
    text = _SENTENCES[code] % tuple(texts)
    return text.replace(" 0 cells,", "") if code == ONLINE else text  # a pack on CAN need not tell its cells
