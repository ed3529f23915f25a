"""Gives a device the memory of modules back."""

import sys

import jkdevice


def forget(names):
    """Forget modules of this package; they are imported again when they are needed again. Nothing may be held of them
    any longer but functions that run. On CPython nothing happens.
    """
    if sys.implementation.name == "micropython":
        for name in names:
            if sys.modules.pop("jkdevice." + name, None):
                delattr(jkdevice, name)
