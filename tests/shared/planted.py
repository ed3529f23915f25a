"""An about frame full of secrets, and the masking that must not let them through; for both interpreters."""

from core_bytes import ABOUT, empty, seal

from jkcore.masking import RECEIVED, Masking

# Offsets of protocol/rs485.md section 6: everything a user or the factory typed in.
PLANTED = (
    (46, b"Planted-name-abc"),
    (62, b"Pass62code"),
    (86, b"90817263544\x00715"),
    (102, b"Meyer Hauptstr.7"),
    (118, b"Setup118word"),
    (134, b"+49 171 2345678"),
)
SECRET = [i for offset, _ in PLANTED for i in range(offset, offset + 16)]


def about():
    frame = empty(ABOUT)
    frame[6:18] = b"JK_PB2A16S20"
    frame[30:35] = b"15.41"
    frame[78:86] = b"20240131"
    for offset, text in PLANTED:
        frame[offset : offset + len(text)] = text
    return bytes(seal(frame))


def written(masking):
    """What may be recorded now: [(way, at, bytes), ...]."""
    out = []
    while masking.next():
        out.append((masking.way, masking.at, bytes(masking.out[: masking.count])))
    return out


def fed(masking, data, now=0, way=RECEIVED):
    out = []
    at = 0
    while at < len(data):
        at = masking.feed(way, data, at, len(data), now)
        out += written(masking)
    return out


def joined(pieces, way=RECEIVED):
    return b"".join([piece[2] for piece in pieces if piece[0] == way])


def masked(data, step=0):
    """All of `data` through a new Masking, `step` bytes at a time."""
    masking = Masking(64)
    out = b""
    for i in range(0, len(data), step or len(data)):
        out += joined(fed(masking, data[i : i + (step or len(data))]))
    masking.flush()
    out += joined(written(masking))
    assert len(out) == len(data)
    return out


def leaks(out):
    """Texts of the about frame, or parts of four and more characters, that are still to be read in `out`."""
    found = []
    for _, text in PLANTED:
        for part in text.split(b"\0"):
            for i in range(len(part) - 3 if len(part) > 3 else 0):
                if part[i : i + 4] in out:
                    found.append(part[i : i + 4])
    return found
