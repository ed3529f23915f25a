"""What an OSError of a socket means, by the names of the `errno` module (the numbers differ between ports).

On ESP32 (newlib) EINPROGRESS is 119 and ETIMEDOUT 116, on Linux 115 and 110; -1 is umqtt's own "end of file".
"""

import errno

# A non-blocking call that could not be done now. ENOTCONN: lwIP says so while the connection is being made.
_NOT_YET = ("EAGAIN", "EINPROGRESS", "EALREADY", "ENOTCONN")
_WORDS = (
    ("ECONNREFUSED", "nothing listens there"),
    ("EHOSTUNREACH", "there is no way to it"),
    ("ENETUNREACH", "there is no network"),
    ("ETIMEDOUT", "it does not answer"),
    ("ECONNRESET", "it cut the connection"),
    ("ECONNABORTED", "the connection was cut"),
    ("EPIPE", "it closed the connection"),
    ("ENOTCONN", "the connection is gone"),
    ("ENOMEM", "memory is short"),
    ("ENOBUFS", "network buffers are short"),
)
# Linux numbers of names that MicroPython's errno module lacks.
_MISSING = {"EPIPE": 32, "ENETUNREACH": 101}


def number(error):
    """The errno of an OSError, 0 when it carries none (name look-ups raise text)."""
    args = error.args
    return args[0] if args and isinstance(args[0], int) else 0


def not_yet(error):
    """True when a non-blocking call only has to be repeated later."""
    code = number(error) if isinstance(error, OSError) else 0
    for name in _NOT_YET:
        if code == getattr(errno, name, None):
            return True
    return False


def words(error):
    """An exception in a few words for people."""
    code = number(error) if isinstance(error, OSError) else 0
    if code:
        for name, text in _WORDS:
            if code == getattr(errno, name, _MISSING.get(name)):
                return text
        return "error " + str(code)
    text = str(error)
    if text and isinstance(error, OSError):
        # A sentence of our own (tools/compact.py leaves nothing of the name of its class), or the unix port's
        # "[addrinfo error -2]".
        return "no such name" if text[0] == "[" else text
    return type(error).__name__ + (": " + text if text else "")
