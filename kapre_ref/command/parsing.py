"""A parser of command lines, with helpful messages about those that it refuses."""

from __future__ import annotations

import argparse
import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class UsageError(Exception):
    """The command line asks for something that cannot be done."""


class Parser(argparse.ArgumentParser):
    """A parser that refuses unknown options with its own usage, and names those that are close."""

    # A function that puts the options of files into the command line before it is parsed.
    expand: Callable[[Parser, Sequence[str]], list[str]] | None = None

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[Any, list[str]]:
        """Parse all arguments, or refuse them."""
        if self.expand is not None and args is not None:
            args = self.expand(self, args)
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            advice = next(
                (f"; did you mean {flag}?" for flag in map(self.closest, unknown) if flag), ""
            )
            self.error(f"unrecognized arguments: {' '.join(unknown)}{advice}")
        return parsed, unknown

    def option(self, flag: str) -> argparse.Action | None:
        """Return what an option does, None if there is no such option."""
        return self._option_string_actions.get(flag)

    def closest(self, word: str) -> str | None:
        """Return the option that looks most like a word, or None if all look different."""
        if not word.startswith("-"):
            return None
        flag = "--" + word.partition("=")[0].strip("-").replace("_", "-")
        close = difflib.get_close_matches(flag, self._option_string_actions, 1, 0.7)
        return close[0] if close else None
