"""The public layouts that are known, and which of them a checkpoint has."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from tts.errors import CheckpointError, ConfigError
from tts.imports import (
    fastspeech2_ming024,
    hifigan_jik876,
    mb_istft_vits2,
    melgan_descript,
    multiband_melgan,
    parallel_wavegan,
    tacotron2_nvidia,
    tacotron2_vae_jinhan,
    vocgan,
    waveglow,
)
from tts.imports.layout import SHOWN, Layout, Weights
from tts.imports.reading import networks

LAYOUTS: Mapping[str, Layout] = {
    layout.name: layout
    for layout in (
        fastspeech2_ming024.LAYOUT,
        hifigan_jik876.LAYOUT,
        mb_istft_vits2.LAYOUT,
        melgan_descript.LAYOUT,
        multiband_melgan.LAYOUT,
        parallel_wavegan.LAYOUT,
        tacotron2_nvidia.LAYOUT,
        tacotron2_vae_jinhan.LAYOUT,
        vocgan.LAYOUT,
        waveglow.LAYOUT,
    )
}
"""By name."""


def find_layout(name: str) -> Layout:
    """The layout of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in LAYOUTS:
        close = difflib.get_close_matches(name, LAYOUTS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there is: {', '.join(LAYOUTS)}"
        raise ConfigError(f"layout {name!r} is unknown; {hint}")
    return LAYOUTS[name]


def recognise(content: Mapping[Any, Any], layout: Layout | None = None) -> tuple[Layout, Weights]:
    """Find the one network in a checkpoint that is of a known layout.

    Args:
        content: of the file.
        layout: the only one to look for; None = any.

    Raises:
        CheckpointError: there is no such network, or more than one.
    """
    candidates = list(networks(content))
    wanted = LAYOUTS.values() if layout is None else (layout,)
    found = [(each, where, state) for where, state in candidates for each in wanted if each.recognises(state)]
    if len(found) == 1:
        return found[0][0], found[0][2]
    if found:
        places = ", ".join(f"{where or 'the top'} ({each.name})" for each, where, _ in found)
        raise CheckpointError(f"the checkpoint holds several networks: {places}; save one of them in a file of its own")
    raise CheckpointError(_unknown(content, candidates, [each.name for each in wanted]))


def _unknown(content: Mapping[Any, Any], candidates: list[tuple[str, Weights]], wanted: list[str]) -> str:
    if {"mpd", "msd"} <= content.keys():
        return "the checkpoint holds discriminators only; import its g_ file, and give this one as --discriminator"
    names = [name for _, state in candidates for name in state] or [str(key) for key in content]
    shown = ", ".join(names[:SHOWN]) or "nothing"
    return (
        f"the checkpoint has the layout of none of {', '.join(wanted)}; it holds {shown}{', …' * (len(names) > SHOWN)}"
    )
