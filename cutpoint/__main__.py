"""``python -m cutpoint``: the same as the command ``cutpoint``."""

import sys

from cutpoint.command import main

if __name__ == "__main__":
    sys.exit(main())
