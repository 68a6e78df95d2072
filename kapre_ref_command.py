"""The start of the `kapre-ref` command, outside the package so that nothing is imported before."""

import signal
import sys


def main() -> int:
    """Run the command; while its libraries load, Ctrl-C ends it without a traceback."""
    heeds_interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeds_interrupts:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from kapre_ref.command.cli import main as run_command

    if heeds_interrupts:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return run_command()


if __name__ == "__main__":
    sys.exit(main())
