"""The device's own side: ports, MQTT session, loop, log and files on MicroPython. Imports jkcore only."""

import sys


def forget(names):
    """Give the memory of modules of this package back; they are imported again when they are needed again. The caller
    must not hold anything of them but functions that run. On CPython nothing happens.
    """
    if sys.implementation.name == "micropython":
        import jkdevice

        for name in names:
            if sys.modules.pop("jkdevice." + name, None):
                delattr(jkdevice, name)
