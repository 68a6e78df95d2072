"""`python -m kapre_ref` is the `kapre-ref` command."""

import sys

from kapre_ref.command.start import main

if __name__ == "__main__":
    sys.exit(main())
