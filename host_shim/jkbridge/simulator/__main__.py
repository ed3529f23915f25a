"""`python -m jkbridge.simulator` is `jkbridge simulate`."""

import argparse
import sys

from .command import add_arguments, main

if __name__ == "__main__":
    sys.exit(main(add_arguments(argparse.ArgumentParser(prog="python -m jkbridge.simulator")).parse_args()))
