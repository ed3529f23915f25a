"""The doctor's words: for each finding a stable code word, the verdict in one short sentence, and what to change.

A finding is [code, argument...]; its code is also its rank, the gravest first. Loaded with the doctor only.
"""

from jkcore.shim import const

PORT_CLOSED = const(0)  # reason
GATEWAY_TCP = const(1)
GATEWAY_SECOND = const(2)
GATEWAY_DROPS = const(3)
OTHER_BAUD = const(4)  # found, configured
SWAPPED = const(5)
OLD_JK = const(6)
PYLONTECH = const(7)
MODBUS = const(8)  # address, function
SLOWER = const(9)  # baud
ZEROS = const(10)
MAYBE_SWAPPED = const(11)
NOISE = const(12)
NO_BYTES = const(13)
ECHO_ONLY = const(14)  # addresses
SILENT = const(15)  # addresses
ONLY_REQUESTS = const(16)  # addresses
ROLE_POLL = const(17)
FOREIGN_MASTER = const(18)
FOREIGN_POLLER = const(19)  # addresses
FOREIGN_BYTES = const(20)
DAMAGED = const(21)
TWO_PACKS = const(22)  # address
GARBLED = const(23)  # address
NO_ACKS = const(24)
REFUSED = const(25)  # addresses
IMPLAUSIBLE = const(26)  # address
ERRORS = const(27)  # address, lost, asked
DAMAGED_SOME = const(28)  # pieces, whole frames
SOME_SILENT = const(29)  # addresses
OK_POLLING = const(30)  # addresses
OK_MASTER = const(31)  # addresses
OK_OTHERS = const(32)  # addresses
MASTER_ALONE = const(33)
FEW_ERRORS = const(34)  # address, lost, asked
ECHO = const(35)
STRAY = const(36)  # bytes
FAST_MASTER = const(37)
SLOW_MASTER = const(38)
WRONG_JACK = const(39)
GATEWAY_HINT = const(40)
ODD_BAUD = const(41)  # baud
NOT_ASKED = const(42)  # why
HEARD_AT = const(43)  # baud

SHORT = const(100)  # bytes of a verdict in bridge/health at most

# By code, what users and programs build on: never rename one.
_WORDS = (
    "port_closed gateway_modbus_tcp gateway_second_client gateway_drops_bytes other_baud swapped protocol_4e57 "
    "protocol_pylontech protocol_modbus slower_line swapped_or_slower swapped_or_noise noise no_bytes echo_only silent "
    "only_requests master_but_role_poll foreign_master foreign_poller foreign_bytes damaged two_packs "
    "two_packs_suspected no_acks refused implausible error_rate damaged_frames some_silent ok_polling ok_listening "
    "ok_overhearing master_alone few_errors echo stray_bytes master_fast master_slow wrong_jack gateway_settings "
    "unusual_baud not_asked heard_at"
)

_CABLE = "Check the cable and the plugs, keep them away from the inverter's cables, and fit 120 ohm at both ends. "
_INVERTER = "This is the jack for the inverter, or its protocol is wrong: use RS485-2, or RS485-1 with protocol 001. "
_JACK = "Use a RS485-2 jack, or RS485-1 with protocol 001 (JK Modbus) chosen in the app. "
# By code: the verdict, | and what to change.
_SENTENCES = (
    "the port is not open: %s|See what is said about the port.",
    "the gateway speaks Modbus-TCP, not plain bytes|Set it to transparent TCP server (raw, none, no protocol).",
    "a second client uses the gateway: answers come that nobody here asked for|Stop the other program, or limit the "
    "gateway to one client.",
    "the gateway loses bytes|Let it pack by 10 ms of silence with at least 320 bytes, 115200 baud 8N1, and look at its "
    "WiFi.",
    "the line runs at %d baud, not at %d|Set bus.baud to that speed; or choose protocol 001 (115200 baud) in the app.",
    "A and B are swapped: requests of a JK line are heard upside down|Swap A and B at the adapter.",
    "the old JK protocol (4E 57) is heard, not JK Modbus|" + _JACK,
    "the Pylontech protocol is heard, not JK Modbus|" + _INVERTER,
    "Modbus of other devices is heard (address %d, function %d), no JK frame|" + _INVERTER
    + "Nothing is sent on a line of somebody else.",
    "what is heard comes from a slower line than %d baud|Packs speak 115200 baud with protocol 001, 9600 with 013 and "
    "014. " + _JACK + "`jkbridge doctor` tries other speeds.",
    "only 00 is heard: a slower line, or A and B swapped|Swap A and B, then look at baud and protocol. " + _JACK,
    "bytes are heard as from swapped A and B, or noise|Swap A and B at the adapter. If that does not help: connect GND "
    "too.",
    "bytes are heard, but nothing in them makes sense|Wrong speed, another protocol, A and B swapped, or noise. "
    + _JACK + _CABLE,
    "not one byte is heard|Packs only speak when asked: without a pack at DIP 0 set role to auto. With one: is it "
    "switched on, the plug in an RS485 jack, the right port named? Then swap A and B.",
    "only our own requests come back, no answer at address %s|The adapter works. Check the cable to the pack, swap A "
    "and B, check the DIP switches.",
    "no answer at address %s, and nothing else is heard|Are they switched on, the DIP switches set, the right port "
    "named? Then swap A and B.",
    "requests to address %s are heard, but no pack answers|Plug into the RS485-2 chain of the packs; check its cable "
    "and that the packs are on.",
    "a pack at DIP 0 leads this line, but role is poll|Set role to auto or listen; or give that pack a DIP address of "
    "1 to 15.",
    "a pack at DIP 0 leads this line: nothing may be asked here|Set role to auto or listen; or give that pack a DIP "
    "address of 1 to 15.",
    "somebody else asks address %s on this line|Another bridge, an app or an inverter: stop it, or set role to listen.",
    "somebody else talks on this line while we ask|Is a pack at DIP 0, an inverter or another bridge connected? Only "
    "one may ask.",
    "answers come, but every one is damaged|Two packs at one DIP address, a bad cable, or missing termination. "
    + _CABLE,
    "two packs answer at address %d|Give each pack a DIP address of its own.",
    "whatever comes from address %d is damaged|Two packs at this DIP address, or its cable. " + _CABLE,
    "frames come without the ack that says whose they are|The adapter or gateway cuts answers short: let it pass 308 "
    "bytes in one piece.",
    "pack %s refuses to be asked|Its firmware or this jack does not know the request. " + _JACK,
    "pack %d sends values that contradict each other|Look at its cell wiring in the app; the log names what is wrong.",
    "pack %d: %d of %d answers lost or damaged|" + _CABLE,
    "%d damaged pieces beside %d good frames|" + _CABLE,
    "no answer at address %s, others answer|Check their power, the cable to them and their DIP switches; or correct "
    "bus.packs.",
    "packs answer at address %s|Nothing has to be changed.",
    "a pack at DIP 0 leads this line; heard: address %s|Nothing has to be changed: the bridge only listens here.",
    "somebody else asks the packs of this line; heard: address %s|Values come as often as the other one asks. To "
    "have more, stop it and let this bridge ask.",
    "a pack at DIP 0 leads this line, and no other pack answers it|Right with one pack. Others need DIP addresses of 1 "
    "to 15 and the cable.",
    "pack %d: %d of %d answers lost or damaged|Little enough to live with.",
    "the adapter throws our own requests back|Harmless.",
    "%d bytes belonged to nothing|Harmless beside good frames; newer masters fill the pauses with such bytes.",
    "the master's slots of 0.22 s are those of firmware 15.41 and later|",
    "the master's slots of 0.4 s are those of firmware 14.20 to 15.3x|",
    "perhaps the wrong jack|" + _JACK,
    "perhaps the gateway|Transparent TCP server, 115200 baud, 8 data bits, no parity, 1 stop bit; not Modbus-TCP.",
    "bus.baud is %d; packs speak 115200 with protocol 001|",
    "nothing was asked: %s|",
    "this was heard at %d baud|",
)


def word(code: int) -> str:
    """The stable code word."""
    return _WORDS.split(" ")[code]


def rank(finding: list) -> int:
    """For sorting: the gravest first."""
    return finding[0]


def healthy(finding: list) -> bool:
    """True when nothing has to be changed."""
    return finding[0] >= OK_POLLING


def is_note(finding: list) -> bool:
    """True for what is no verdict by itself."""
    return finding[0] >= FEW_ERRORS


def full_text(finding: list) -> str:
    """The verdict in plain words."""
    sentence = _SENTENCES[finding[0]]
    sentence = sentence[: sentence.find("|")]
    return sentence % tuple(finding[1 : 1 + sentence.count("%")])


def text(finding: list) -> str:
    """The same, SHORT bytes at most."""
    return full_text(finding)[:SHORT]


def advice(code: int) -> str:
    """What to change; "" for nothing."""
    sentence = _SENTENCES[code]
    return sentence[sentence.find("|") + 1 :].rstrip()
