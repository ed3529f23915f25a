"""The sentences of results, by their code. Loaded when one is made."""

from jkcore.shim import const

# Index into _SENTENCES, what it names behind it
NO_NUMBER = const(0)  # what came
OFF_GRID = const(1)  # field, what came, step
OUT_OF_RANGE = const(2)  # field, what came, lowest, highest
NO_SWITCH = const(3)  # field, what came
NO_OPTION = const(4)  # field, what came, options
NO_JSON = const(5)  # what is wrong
NO_FIELD = const(6)  # name
READ_ONLY = const(7)  # name
TIER = const(8)  # what, tier needed, tier now
CONFIRM = const(9)  # what, confirmation word
NO_ROW = const(10)  # field
UNREADABLE = const(11)  # field
NO_CHEMISTRY = const(12)  # field
CHEMISTRY = const(13)  # field, value, lowest, highest, chemistry
MOVED = const(14)  # field, from, to, confirmation word
NO_RATING = const(15)  # field, model
RATING = const(16)  # field, value, rating, model
BELOW = const(17)  # field, value, other field, its value
AT_MOST = const(18)  # the same
NO_ORDER = const(19)  # reason
ALONE = const(20)  # action
PRESET = const(21)  # action, chemistry of the preset, chemistry configured
PRESS = const(22)  # action, what came
NO_LIVE = const(23)  # action
CALIBRATION = const(24)  # action, value, live value
LATE = const(25)
RETAINED = const(26)
DUPLICATE = const(27)
TOO_LONG = const(28)
TOO_EARLY = const(29)
NO_PACK = const(30)  # pack id
BUSY = const(31)
OTHER_ADDRESS = const(32)  # address asked, address told
TWICE = const(33)  # field
EMPTY = const(34)
NO_SETTINGS = const(35)
MANY = const(36)  # most members
EXCEPTION = const(37)  # code, what it means
NO_ANSWER = const(38)
UNCHANGED = const(39)  # field, value
DIFFERENT = const(40)  # field, asked, read back
NOT_READ_BACK = const(41)
ACTED = const(42)
ACK_LOST = const(43)
LOST_UNCHANGED = const(44)
UNLOCK = const(45)  # what came
STOPPED = const(46)
MASTER = const(47)
CONFLICT = const(48)  # address
UNLOCK_LIMIT = const(49)  # what, the most allowed
ON_CAN = const(50)
OFFLINE = const(51)
PRESET_UNKNOWN = const(52)
REST = const(53)  # field of the same register, its value, lowest, highest
PRESET_REST = const(54)  # fields, values read back and expected
SECOND_MASTER = const(55)
TAKEN = const(56)  # address, id of the pack that has it
NOT_OURS = const(57)
NO_GAP = const(58)

_SENTENCES = (
    "'%s' is no plain decimal number like 3.455",
    "%s '%s' does not lie on its steps of %s",
    "%s '%s' is outside its range %s to %s",
    "%s '%s' is neither ON nor OFF",
    "%s '%s' is none of: %s",
    "the payload must be one JSON object of fields and values: %s",
    "there is no field %s",
    "%s cannot be changed",
    "%s needs writes = %s; now it is %s",
    "%s is dangerous: the command itself must hold the confirmation word '%s'",
    "this battery has no %s, or what says so (its firmware version) has not been read",
    "what %s is set to now cannot be read",
    "%s is a cell voltage: set `chemistry` of this pack (lfp, li-ion or lto) in the configuration first",
    "%s %s is outside %s to %s, the limits of %s cells",
    "%s would move from %s to %s, more than 0.1 V: the command must hold the confirmation word '%s'",
    "%s may only be lowered: the rating of model '%s' is not known",
    "%s %s is above %s, the rating of model '%s'",
    "%s %s must stay below %s %s",
    "%s %s must not be above %s %s",
    "there is no order of single writes in which every step is legal: %s",
    "%s must be the only thing in its command",
    "%s is for %s cells, but `chemistry` of this pack is %s",
    "%s takes the payload PRESS, not '%s'",
    "%s needs a fresh live reading of the battery to compare with",
    "%s %s is too far from %s, which the battery measures",
    "it could not be put on the bus within 10 s, so it was not sent",
    "a retained command is never carried out: publish it without retain",
    "a command that may be a duplicate (DUP flag) is not carried out: publish it with QoS 0",
    "a command of more than 512 bytes is not carried out",
    "the command came within 2 s of subscribing, so it may be an old one: send it again",
    "there is no pack %s here",
    "another command is under way: send it again when its result is there",
    "the settings frame from address %d names address %d: nothing is sent",
    "%s stands in the command twice",
    "the command names no field",
    "the battery did not tell what it is set to twice alike within 10 s, so it was not sent",
    "a command has at most %d members",
    "the battery refused it with exception %d (%s)",
    "the battery did not answer, and what it is set to could not be read back",
    "acknowledged but unchanged: %s is still %s. Some firmware ignores writes on RS485-2 (seen with 15.41): try "
    "RS485-1 with protocol 001",
    "%s should be %s, but the battery reads back %s",
    "acknowledged, but what the battery is set to could not be read back",
    "acknowledged; there is nothing to read back",
    "the acknowledgement was lost, but the value was read back",
    "the battery did not acknowledge it, and nothing has changed",
    "'%s' is no unlock command: off, or safe or all and a number of minutes from 1 to 60, like: safe 10",
    "the bridge stopped before the command was done; what is not told as read back is not known",
    "this pack is the bus master (DIP address 0), which takes no writes on RS485-2: connect its RS485-1 with protocol "
    "001, or give it another address",
    "two packs answer at address %d: nothing is sent until each has an address of its own",
    "unlock to %s is not allowed: `unlock` of the configuration is %s",
    "this pack is heard on CAN, where the bridge only listens: connect its RS485 to change settings",
    "this pack is offline: nothing is sent to it",
    "the battery did not acknowledge it, and what is read back was so before: whether it was done is not known",
    "%s, which has to be sent along with it, is %s, outside its range %s to %s",
    "not all is read back as this preset left it on firmware 15.30: %s",
    "device_address 0 would make it the bus master, which disturbs a line that has one already: set it at the DIP "
    "switches of a pack that is to lead its line",
    "address %d is that of pack %s: two packs at one address garble each other",
    "the bridge does not know yet whether another one has its topics: send it again in half a minute",
    "a bus master (DIP address 0) asks so fast that no question of ours and its answer fit in between within 10 s, so "
    "it was not sent: a cable needs less room than a gateway; or give the master's pack another address meanwhile",
)


def sentence(code: int, values) -> str:
    """The sentence with what it names."""
    return _SENTENCES[code] % tuple(values) if values else _SENTENCES[code]
