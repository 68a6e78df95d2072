"""Where the `kapre-ref` command begins."""

import signal


def main() -> int:
    """Run the command; Ctrl-C ends it without a traceback even while its libraries load."""
    heeds_interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeds_interrupts:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from kapre_ref.command.cli import main as run_command

    if heeds_interrupts:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return run_command()
