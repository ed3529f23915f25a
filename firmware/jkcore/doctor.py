"""What is wrong with a bus, or that nothing is: findings out of what was heard (evidence.py); words are in verdicts.py.

Used by a running bridge when no good frame comes (judge), and by the host's `jkbridge doctor` (examine). Off the way
of a frame; a device loads it when it is needed and forgets it again.
"""

from jkcore import pack as pk
from jkcore import verdicts as v
from jkcore.clock import since
from jkcore.log import WARNING
from jkcore.shim import const, forget

# Index into Evidence.counts, as in evidence.py
FAST = const(0)
SLOW = const(1)
NO_ACK = const(2)
OTHER = const(3)
# What Evidence.gained() tells
BYTES = const(0)
GARBAGE = const(1)
DAMAGED = const(2)
ECHOES = const(3)
REQUESTS = const(4)
ANSWERS = const(5)

_REMIND = const(600000)  # the same verdict is said again after this
_USUAL_BAUD = const(115200)
_MASTER_ASKS = const(10)  # addresses: nobody but a JK master asks so many
_ENOUGH = const(20)  # requests or frames before a share of errors means something
_OTHERS_WELL = const(10)  # answers of the other packs before they show that the gateway passes bytes on
_ECHO = const(11)  # bytes of a request


def judge(bus, log, now: int) -> None:
    """No good frame for a while: put the verdict into the log and into bus.evidence, and begin a new window."""
    evidence = bus.evidence
    finding = examine(bus)[0]
    text = v.text(finding)
    changed = finding[0] != evidence.code
    said = []
    _gateway(bus, said)  # into the log by the gateway watch itself
    if v.healthy(finding):  # it was heard, but this bridge makes nothing of it: the bus says why by itself
        evidence.verdict = None
    else:
        evidence.verdict = text
        if finding not in said and (changed or since(now, evidence.told) >= _REMIND):
            evidence.told = now
            evidence.code = finding[0]
            log(WARNING, bus_name(bus) + text + ". " + v.advice(finding[0]))
    evidence.judged = True
    evidence.reset(bus, now)


def bus_name(bus) -> str:
    """The port in front of a verdict."""
    port = bus.config.get("port") or ""
    return port + ": " if port else ""


def examine(bus) -> list:
    """Findings of the window, the gravest first: [code, argument...] each, see verdicts.py. Never empty."""
    if not bus.is_open:
        return [[v.PORT_CLOSED, bus.reason or "not opened yet"]]
    found = []
    _gateway(bus, found)
    if bus.evidence.gained(bus, ANSWERS) and not _listens(bus):
        _polled(bus, found)
    elif _heard(bus.evidence.frames):
        _overheard(bus, found)
    else:
        _nothing_good(bus, found)
    if not found:  # frames came, but nothing is known against them
        found.append([v.FOREIGN_BYTES])
    _notes(bus, found)
    found.sort(key=v.rank)
    return [found[i] for i in range(len(found)) if not i or found[i] != found[i - 1]]


def _listens(bus) -> bool:
    """True when nothing was asked: what came is what others say."""
    return bus.role() in ("listen", "replay") or not bus.evidence.gained(bus, REQUESTS)


def _heard(counts) -> list:
    """Addresses with a count."""
    return [address for address in range(len(counts)) if counts[address]]


def _gateway(bus, found: list) -> None:
    """What the gateway watch of a network port has seen."""
    if bus.gateway is None:
        return
    from jkcore import gateway

    faults = bus.gateway.faults
    if faults & (gateway.MODBUS_TCP | gateway.HANGS_UP):
        found.append([v.GATEWAY_TCP])
    if faults & gateway.SHARED:
        found.append([v.GATEWAY_SECOND])
    if faults & gateway.LOSSY:
        found.append([v.GATEWAY_DROPS if _spread(bus.packs) else v.GATEWAY_HINT])


def _spread(packs) -> bool:
    """True when damage may be the gateway's: some answers come whole, and not one pack alone is struck."""
    answers = lost = most = of_worst = 0
    for pack in packs:
        damaged = pack.counts[pk.DAMAGED] + pack.counts[pk.NO_ACK]
        answers += pack.counts[pk.ANSWERS]
        lost += damaged
        if damaged > most:
            most, of_worst = damaged, pack.counts[pk.ANSWERS]
    return 8 * (lost - most) > most if answers - of_worst >= _OTHERS_WELL else answers > 0


def _polled(bus, found: list) -> None:
    """Packs answer us."""
    found.append([v.OK_POLLING, _names([p.address for p in bus.packs if p.counts[pk.ANSWERS]])])
    _packs(bus, found)
    _strangers(bus, found, [])


def _packs(bus, found: list) -> None:
    """Each pack that was asked by us."""
    silent = []
    for pack in bus.packs:
        counts = pack.counts
        if pack.counts[pk.DOUBLE] or counts[pk.IMPLAUSIBLE] or pack.notes[pk.CONFLICT] >= 0:
            _doubted(pack, found)
        lost = counts[pk.DAMAGED] + counts[pk.NO_ACK] + counts[pk.IMPLAUSIBLE]
        if counts[pk.ANSWERS]:
            if lost + counts[pk.TIMEOUTS]:
                _lost(found, pack.address, lost + counts[pk.TIMEOUTS], counts[pk.REQUESTS])
        elif counts[pk.NO_ACK] > 1:
            found.append([v.NO_ACKS])
        elif counts[pk.DAMAGED] > 1:
            found.append([v.GARBLED, pack.address])
        elif counts[pk.EXCEPTIONS]:
            found.append([v.REFUSED, str(pack.address)])
        elif counts[pk.TIMEOUTS] and not bus.config["scan"]:
            silent.append(pack.address)
    if silent:
        found.append([v.SOME_SILENT, _names(silent)])


def _doubted(pack, found: list) -> None:
    """Frames came whole, but two packs sent them, or they contradict themselves."""
    if pack.notes[pk.CONFLICT] >= 0 or pack.counts[pk.DOUBLE]:
        found.append([v.TWO_PACKS, pack.address])
    elif pack.counts[pk.IMPLAUSIBLE] and not pack.holds(2):
        found.append([v.IMPLAUSIBLE, pack.address])


def _lost(found: list, address: int, lost: int, asked: int) -> None:
    """A share of the answers of one pack did not come, or not whole."""
    grave = asked >= _ENOUGH and 20 * lost >= asked or lost >= 3 and 4 * lost >= asked
    found.append([v.ERRORS if grave else v.FEW_ERRORS, address, lost, asked])


def _strangers(bus, found: list, frames: list) -> None:
    """Somebody else talks while we ask; frames: addresses of answers that were not for us."""
    evidence = bus.evidence
    asked = _heard(evidence.asked)
    if evidence.frames[0] or len(asked) >= _MASTER_ASKS:
        found.append([v.ROLE_POLL if bus.config.get("role") == "poll" else v.FOREIGN_MASTER])
    elif asked or frames:
        if "://" in (bus.config.get("port") or ""):
            found.append([v.GATEWAY_SECOND])
        else:
            found.append([v.FOREIGN_POLLER, _names(asked or frames)])
    elif bus.poller.foreign:
        found.append([v.FOREIGN_BYTES])


def _overheard(bus, found: list) -> None:
    """Frames come that we did not ask for."""
    evidence = bus.evidence
    frames = _heard(evidence.frames)
    if not _listens(bus) or bus.config.get("role") == "poll":
        _packs(bus, found)
        _strangers(bus, found, [a for a in frames if not _is_ours(bus, a)])
        return
    if frames[0]:
        found.append([v.OK_OTHERS, _names(frames)])
    else:
        alone = len(frames) == 1 and len(_heard(evidence.asked)) >= _MASTER_ASKS
        found.append([v.MASTER_ALONE if alone else v.OK_MASTER, _names(frames)])
    for address in frames:
        if evidence.lost[address]:
            _lost(found, address, evidence.lost[address], evidence.asked[address])
    for pack in bus.packs:
        _doubted(pack, found)
    _line(bus, found)


def _is_ours(bus, address: int) -> bool:
    """True for a pack we have asked."""
    return bool([pack for pack in bus.packs if pack.address == address and pack.counts[pk.REQUESTS]])


def _line(bus, found: list) -> None:
    """What is only seen from beside a line that others use."""
    evidence = bus.evidence
    marks = evidence.counts
    whole = sum(evidence.frames)
    damaged = evidence.gained(bus, DAMAGED)
    if marks[NO_ACK] > 2 and 2 * marks[NO_ACK] > whole:  # one may have been cut by our coming or going
        found.append([v.NO_ACKS])
    if damaged > 2 and 10 * damaged > whole:
        found.append([v.DAMAGED_SOME, damaged, whole])
    if marks[FAST] + marks[SLOW] > 4 and evidence.frames[0]:
        found.append([v.FAST_MASTER if marks[FAST] > marks[SLOW] else v.SLOW_MASTER])


def _nothing_good(bus, found: list) -> None:
    """Not one whole frame with a name."""
    evidence = bus.evidence
    asked = _heard(evidence.asked)
    if evidence.counts[NO_ACK]:
        found.append([v.NO_ACKS])
    elif evidence.gained(bus, DAMAGED):
        found.append([v.DAMAGED])
        if not _listens(bus):
            _packs(bus, found)
    elif asked:
        found.append([v.ONLY_REQUESTS, _names(asked)])
    elif evidence.gained(bus, BYTES) - _ECHO * evidence.gained(bus, ECHOES) > 3 and not is_echo(bus):
        _strange(bus, found)
    else:
        silent = [pack.address for pack in bus.packs if pack.counts[pk.REQUESTS]]
        if not silent:
            found.append([v.NOISE if evidence.gained(bus, BYTES) else v.NO_BYTES])
            return
        found.append([v.ECHO_ONLY if evidence.gained(bus, BYTES) > 3 else v.SILENT, _names(silent)])


def recent(evidence) -> bytes:
    """The last bytes of the window that came while there was no frame, oldest first."""
    size = len(evidence.buf)
    if evidence.end <= size:
        return bytes(evidence.buf[: evidence.end])
    at = evidence.end % size
    return bytes(evidence.buf[at:]) + bytes(evidence.buf[:at])


def is_echo(bus) -> bool:
    """True when what is heard are the ends of our own requests, as some adapters throw them back."""
    evidence = bus.evidence
    requests = evidence.gained(bus, REQUESTS)
    return evidence.gained(bus, BYTES) <= _ECHO * requests and recent(bus.evidence).find(b"\x01\x02\x00\x00") >= 0


def _strange(bus, found: list) -> None:
    """Bytes that hold neither frame nor JK request."""
    from jkcore import overheard

    said, address, function = overheard.what(recent(bus.evidence))
    refused = [pack.address for pack in bus.packs if pack.counts[pk.EXCEPTIONS]]
    if refused:
        found.append([v.REFUSED, _names(refused)])
    elif said == overheard.RTU:
        found.append([v.MODBUS, address, function])
    elif said == overheard.SLOWER:
        found.append([v.SLOWER, bus.config["baud"]])
    else:
        codes = bytes((v.NOISE, v.SWAPPED, v.MAYBE_SWAPPED, 0, v.ZEROS, v.OLD_JK, v.PYLONTECH, 0, v.GATEWAY_TCP))
        found.append([codes[said]])
    forget("overheard")


def _notes(bus, found: list) -> None:
    """What is worth knowing beside the verdict."""
    evidence = bus.evidence
    codes = [finding[0] for finding in found]
    network = "://" in (bus.config.get("port") or "")
    if evidence.gained(bus, ECHOES) and v.ECHO_ONLY not in codes:
        found.append([v.ECHO])
    stray = evidence.gained(bus, GARBAGE)
    if _heard(evidence.frames) and 10 * stray > evidence.gained(bus, BYTES):
        found.append([v.STRAY, stray])
    if v.SILENT in codes or v.ECHO_ONLY in codes:
        found.append([v.WRONG_JACK])
        if network:
            found.append([v.GATEWAY_HINT])
    if bus.config["baud"] != _USUAL_BAUD and not _heard(evidence.frames):
        found.append([v.ODD_BAUD, bus.config["baud"]])


def _names(addresses: list) -> str:
    """1, 2, 3, 7 -> "1-3, 7"."""
    out = []
    first = last = -2
    for address in addresses + [99]:
        if address != last + 1:
            if first >= 0:
                out.append(str(first) if first == last else "%d%s%d" % (first, "-" if last - first > 1 else ", ", last))
            first = address
        last = address
    return ", ".join(out)
