"""jkbridge on a device: config.json and board.py in, the loop round and round. Starts by itself after a reset.

What the user has to do is said in a sentence on the console. After an error of its own the program restarts the
device; on a PC it ends with status 1. jkdevice/recovery.py says what follows from that.
"""

import gc
import sys


def begin():
    """The loop, or None; what was needed only to make it has left the memory again."""
    try:
        from jkdevice import recovery
    except ImportError as error:
        print("jkbridge cannot start. A file of it is missing (" + str(error) + "): install it with `make deploy`.")
        return None
    loop = recovery.begin()
    del recovery
    gc.collect()
    return loop


def main():
    """Exit status: 0 after Ctrl-C, 1 when it could not start or had to end. On a device an end is a restart."""
    loop = None
    try:
        loop = begin()
        if loop is None:
            return 1
        loop.run()
    except KeyboardInterrupt:
        if loop is not None:
            print("Ending.")
        _finish(loop)
        return 0
    except SystemExit:  # it wants to begin again
        _finish(loop)
    except Exception as error:
        uptime = 0
        if loop is not None:
            uptime = loop.bridge.uptime_s
            _drop(loop)
        loop = None
        gc.collect()
        _keep(error, uptime)
    return _restart()


def _finish(loop):
    """An end on purpose. loop: or None."""
    try:
        from jkdevice import boots

        boots.leave()
        if loop is not None:
            loop.finish()
    except KeyboardInterrupt:
        _drop(loop)  # in a hurry: the will says it
    except Exception as error:
        sys.print_exception(error)


def _drop(loop):
    """Not polite: whoever relies on us must see "offline"."""
    try:
        loop.drop()
    except Exception as error:
        sys.print_exception(error)


def _keep(error, uptime):
    """Keep the traceback for the next run. Nothing here may prevent the restart."""
    try:
        from jkdevice import recovery

        recovery.ended(error, uptime)
    except Exception as another:
        sys.print_exception(error)
        sys.print_exception(another)


def _restart():
    """Restart a device; on a PC the status with which to end."""
    try:
        from machine import reset
    except ImportError:
        return 1
    import time

    print("Restarting.")
    time.sleep(1)  # for Ctrl-C, and for those who read
    reset()
    return 1


if __name__ == "__main__":
    status = main()
    if status and sys.platform == "linux":
        sys.exit(status)
