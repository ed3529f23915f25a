"""Gives a device the memory of modules back."""

import sys


def forget(names):
    """Forget modules of this package ("can.rows" is one of a package in it); they are imported again when they are
    needed again. Nothing may be held of them for long, be it a function: it keeps the whole module. On CPython nothing
    happens.
    """
    if sys.implementation.name == "micropython":
        for name in names:
            name = "jkdevice." + name
            if sys.modules.pop(name, None):
                at = name.rfind(".")
                delattr(sys.modules[name[:at]], name[at + 1 :])
