"""`python -m jkbridge`."""

import sys

from jkbridge.cli import main

if __name__ == "__main__":
    sys.exit(main())
