"""What the two interpreters do not have in common: `const`, and forgetting a module.

MicroPython's compiler folds `_NAME = const(...)` by its name alone, wherever `const` was imported from;
CPython gets a function that returns its argument.
"""

import sys

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


_DEVICE = sys.implementation.name == "micropython"


def forget(name: str) -> None:
    """Give a device the memory of module or package `jkcore.<name>` back; it is imported again when it is needed again.

    The caller must not hold anything of it any longer. On CPython nothing happens.
    """
    if _DEVICE and sys.modules.pop("jkcore." + name, None):
        delattr(sys.modules["jkcore"], name)
        inside = "jkcore." + name + "."
        for module in list(sys.modules):
            if module.startswith(inside):
                del sys.modules[module]


__all__ = ("const", "forget")
