"""Where the `kapre-ref` command begins and ends."""

import signal


def main() -> int:
    """Run the command; before and after it, Ctrl-C ends Python without a traceback."""
    heeds_interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeds_interrupts:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from kapre_ref.command.cli import main as run_command

    # While `run_command` works, it answers signals itself. Before and after, SIGINT ends Python.
    return run_command()
