"""Systems by name. The only place that finds code by a name."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping

from tts.errors import ConfigError
from tts.interfaces import Kind, System

SYSTEMS: Mapping[str, Kind] = {
    "acoustic/fastspeech": "acoustic",
    "acoustic/fastspeech2": "acoustic",
    "acoustic/gst_tacotron": "acoustic",
    "acoustic/tacotron2": "acoustic",
    "end_to_end/vits2": "end_to_end",
    "vocoders/griffin_lim": "vocoder",
    "vocoders/hifigan": "vocoder",
    "vocoders/istftnet": "vocoder",
    "vocoders/melgan": "vocoder",
    "vocoders/multiband_melgan": "vocoder",
    "vocoders/neural_griffin_lim": "vocoder",
    "vocoders/parallel_wavegan": "vocoder",
    "vocoders/vocgan": "vocoder",
    "vocoders/vocos": "vocoder",
    "vocoders/wavegan": "vocoder",
    "vocoders/waveglow": "vocoder",
}
"""Kind of every system by its name, which is also its file below tts/."""


def load_system(name: str) -> System:
    """Import a system's file and give its record.

    Raises:
        ConfigError: there is none of this name.
    """
    if name not in SYSTEMS:
        close = difflib.get_close_matches(name, SYSTEMS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there is: {', '.join(sorted(SYSTEMS))}"
        raise ConfigError(f"system {name!r} is unknown; {hint}")
    system: System = importlib.import_module(module_of(name)).SYSTEM
    return system


def module_of(name: str) -> str:
    """The module of a system."""
    return f"tts.{name.replace('/', '.')}"
