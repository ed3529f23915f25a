"""How the program begins after what happened before, and what is done when it ends by an error of its own.

The policy; boots, tracebacks and last_good keep the facts. When the loop is ready, this module is forgotten.
"""

import time

from jkdevice.memory import forget

_CHECK_S = 5  # between two looks whether config.json is new
_SAY = 12  # looks between two times the same is said
_REST_MIN = 10
_LONGEST_WHY = 200


def on_device():
    """True where the program can restart the machine. On a PC it ends with status 1 instead."""
    try:
        import machine
    except ImportError:
        return False
    return hasattr(machine, "reset")


def _was_watchdog():
    try:
        import machine

        return machine.reset_cause() == machine.WDT_RESET
    except (ImportError, AttributeError):
        return False


def begin():
    """The loop, ready to run; None when the user has something to do first (said on the console).

    Raises SystemExit when the program shall begin again, and whatever may go wrong.
    """
    why, doubted, untold, used = _look_back()
    forget(("boots", "tracebacks", "files", "last_good"))  # the start needs the memory
    from jkdevice import start

    try:
        loop, problem = start.begin(why)
    except start.StartError as error:
        _wait("jkbridge cannot start. " + str(error))
        return None
    if problem:
        print("jkbridge: " + problem)
        used = None
    if not loop.bridge.buses:  # safe mode, which tells the tracebacks itself and settles nothing
        doubted = untold = False
        used = None
    if doubted or untold or used is not None or problem and not why:
        from jkdevice.settling import Settling

        loop.later = Settling(doubted, untold, used, problem)
    forget(("start", "files", "hardware", "memory", "recovery"))  # some are large
    return loop


def _look_back():
    """(why only safe mode is to start, or ""; bad starts are on record; tracebacks nobody was told are; mark of a
    config.json that is not kept as a good one, or None)"""
    from jkdevice import boots, last_good, tracebacks

    mode, why = boots.begin(_was_watchdog())
    if mode == boots.CONSOLE:
        _rest(why)
    rows = [row for row in tracebacks.read() if not row[3]]
    for row in rows:
        tracebacks.show(row)
    if mode == boots.SAFE:
        text = "Safe mode: " + str(boots.LIMIT) + " starts in a row failed within " + str(boots.SETTLED_S)
        why = text + " s, the last one because of this: " + why + "."
    else:
        why = ""
    used = last_good.mark()
    return why, boots.is_doubted(), len(rows) > 0, None if used == last_good.mark(last_good.GOOD) else used


def _wait(text):
    """Say what is wrong. On a device: for ever, until config.json changes; Ctrl-C leads to the prompt."""
    print(text)
    if not on_device():
        return
    from jkdevice import last_good

    before = last_good.mark()
    looks = 0
    while last_good.mark() == before:
        looks += 1
        if looks % _SAY == 0:
            print(text)
        time.sleep(_CHECK_S)
    from jkdevice import boots

    boots.settled()  # a new one begins without a record
    print("config.json was changed: jkbridge begins again.")
    raise SystemExit


def _rest(why):
    """Safe mode failed, too: only the console is left, until the next try in normal mode."""
    from jkdevice import boots

    boots.order(boots.NORMAL)
    left = _REST_MIN if on_device() else 0
    while True:
        text = "jkbridge rests: safe mode failed, too, after this: " + why
        print(text + ". Next try in normal mode in " + str(left) + " min.")
        if not left:
            raise SystemExit
        time.sleep(60)
        left -= 1


def ended(error, uptime):
    """An error of our own ended the program after `uptime` s: say it, keep it, count it."""
    from jkdevice import boots, last_good, tracebacks

    text = tracebacks.text_of(error, last_good.secrets())
    sentence = _sentence(error)
    if sentence and not uptime:
        print("jkbridge cannot start. " + sentence)
    print("jkbridge ends because of an error of its own. Please report this:")
    print(text)
    tracebacks.keep(text, uptime)
    last = text[text.rfind("\n") + 1 :][:_LONGEST_WHY]
    if boots.failed(sentence or last, uptime >= boots.SETTLED_S) == boots.LIMIT:
        print("The next start is one in safe mode.")


def _sentence(error):
    """What to do about it, where that is known, or ""."""
    if isinstance(error, ImportError):
        return "A file of jkbridge is missing (" + str(error) + "): install it with `make deploy`"
    if isinstance(error, MemoryError):
        return "The memory of this board is too small: install the compiled files, with `make deploy`"
    return ""
