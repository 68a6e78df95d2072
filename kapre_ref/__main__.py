"""`python -m kapre_ref` is the `kapre-ref` command."""

import sys

from kapre_ref.command.cli import main

if __name__ == "__main__":
    sys.exit(main())
