"""Log levels of both homes.

A log is any callable `log(level: int, text: str)`; the core is given one and prints nothing itself. Its sentences are
in texts.py, which is loaded only for what the log will show.
"""

from jkcore.shim import forget

TRACE = 5
DEBUG = 10
INFO = 20
WARNING = 30
ERROR = 40
FATAL = 50

# In order of severity; the words are the values allowed for the configuration key `log`.
NAMES = (
    (TRACE, "trace"),
    (DEBUG, "debug"),
    (INFO, "info"),
    (WARNING, "warning"),
    (ERROR, "error"),
    (FATAL, "fatal"),
)


def level_of(name: str) -> int:
    """The number of a level word; ValueError for a word that is none."""
    for level, word in NAMES:
        if word == name:
            return level
    raise ValueError("log level " + name)


def name_of(level: int) -> str:
    """The word for a level; a number between two levels gets the lower one's word."""
    found = "trace"
    for number, word in NAMES:
        if number <= level:
            found = word
    return found


def say(log, level: int, code: int, *args) -> None:
    """Log sentence `code` of texts.py. A log with a `level` shows nothing below it; others get everything."""
    if level >= getattr(log, "level", 0):
        log(level, text_of(code, *args))


def text_of(code: int, *args) -> str:
    """Sentence `code` of texts.py."""
    from jkcore import texts

    text = texts.sentence(code, args)
    forget("texts")
    return text
