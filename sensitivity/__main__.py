"""``python -m sensitivity`` is the command ``sensitivity``."""

import sys

from sensitivity.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
