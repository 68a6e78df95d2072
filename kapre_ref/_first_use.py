"""What a program may want to say when kernels are used for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Watch:
    """Who wants to know that kernels are compiled, or cannot be kept; nobody by default."""

    compiling: Callable[[], None] | None = None
    not_kept: Callable[[list[Path]], None] | None = None
