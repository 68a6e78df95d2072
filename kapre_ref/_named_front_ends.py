"""The front ends of other tools by their names."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kapre_ref._front_end import FrontEnd
    from kapre_ref._recipes import Recipe


def front_end(name: str) -> FrontEnd:
    """Return the front end of another tool or model by its name.

    Parameters
    ----------
    name : str
        'whisper-80', 'librosa-1.0-mfcc', 'kaldi-fbank-80', 'nemo-128' and so on; `recipes` lists
        all of them.

    Returns
    -------
    FrontEnd
        It gives what the tool gives, for a signal of its `sample_rate`. `recipes` says what
        the tool does besides, to the samples before and to the features after.

    Raises
    ------
    TypeError
        If `name` is not a string.
    ValueError
        If there is no recipe of that name. The message has the names that are close to it.

    Notes
    -----
    The values are equal to the tool's up to the rounding of float32. Each recipe was compared with
    recorded results of the tool itself, of the version that `recipes` names. Dither is 0, as it is
    in all of these tools when a model is used and not trained.

    Examples
    --------
    >>> whisper = front_end("whisper-80")
    >>> whisper.n_values, whisper.hop_length
    (80, 160)
    >>> front_end("parakeet-hf") == front_end("nemo-80").replace(time_first=True)
    True
    """
    found = _by_name()
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {name!r}")
    if name not in found:
        raise ValueError(f"name must be that of a recipe, got {name!r}; {_close_to(name)}")
    return found[name].front_end


def recipes() -> tuple[Recipe, ...]:
    """List the front ends of other tools, and what each tool does around its front end.

    Returns
    -------
    tuple of Recipe
        Named tuples, with related ones side by side. Each has these fields, strings but for the
        second one:

        - `name`: what `front_end` finds it by.
        - `front_end`: the `FrontEnd`.
        - `tool`, `version`: the library or repository, and which release or commit of it. Other
          versions have other recipes where their values differ.
        - `source`: the function or the class of the tool, with the arguments that matter.
        - `before`: what the tool does to the samples first, besides bringing them to the front
          end's sample rate and to one channel. Empty if it does nothing.
        - `after`: what the tool does to the features before its model sees them. Empty if it does
          nothing.

    Notes
    -----
    Samples are floating-point numbers from -1 to 1. Where a tool wants numbers of 16 bits, the
    front end's `input_scale` multiplies by 32768.

    Examples
    --------
    >>> for recipe in recipes():
    ...     if recipe.tool == "openai-whisper":
    ...         print(recipe.name, "-", recipe.source)
    whisper-80 - whisper.audio.log_mel_spectrogram(x, n_mels=80)
    whisper-128 - whisper.audio.log_mel_spectrogram(x, n_mels=128)
    """
    return tuple(_by_name().values())


@cache
def _by_name() -> dict[str, Recipe]:
    # Many programs need no recipe, so the table is made when it is first asked for.
    from kapre_ref._recipes import RECIPES

    return {recipe.name: recipe for recipe in RECIPES}


def _close_to(name: str) -> str:
    from difflib import get_close_matches  # a mistake may take longer than `import kapre_ref`

    names = list(_by_name())
    asked = name.lower().replace("_", "-").replace(" ", "-")
    close = [one for one in names if asked and asked in one]
    close += [one for one in get_close_matches(asked, names, n=5) if one not in close]
    if not close:
        return f"kapre_ref.recipes() lists all {len(names)} of them"
    return f"close to it are {', '.join(map(repr, close[:8]))}"
