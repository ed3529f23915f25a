"""Runs shared tests on MicroPython: `micropython tests/run_mp.py [--frames=DIR] test_module...` (sys.path
finds them).

Calls every test_* function of each module in alphabetical order, one line each, the traceback where one
fails. Exit status 0 only when something ran and nothing failed. Also runs on CPython, to check the runner
itself.
"""

import sys


def show(error):
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    else:
        sys.excepthook(type(error), error, error.__traceback__)


def run(module_names):
    """(number run, number failed) of all test_* functions in the modules; a skipped one counts as run."""
    ran = failed = 0
    for module_name in module_names:
        module = __import__(module_name)
        for name in sorted(dir(module)):
            if not name.startswith("test_") or not callable(getattr(module, name)):
                continue
            label = module_name + "." + name
            ran += 1
            try:
                getattr(module, name)()
            except Exception as error:
                if type(error).__name__ == "SkipTest":  # recordings.SkipTest
                    print("skipped", label + ":", error)
                    continue
                failed += 1
                print("FAILED", label)
                show(error)
            else:
                print("ok", label)
    return ran, failed


names = []
for argument in sys.argv[1:]:
    if argument.startswith("--frames="):
        import recordings

        recordings.given = argument[len("--frames=") :]
    else:
        names.append(argument)
ran, failed = run(names)
print(
    sys.implementation.name,
    ".".join(str(n) for n in sys.implementation.version[:3]) + ":",
    ran,
    "run,",
    failed,
    "failed",
)
sys.exit(1 if failed or not ran else 0)
