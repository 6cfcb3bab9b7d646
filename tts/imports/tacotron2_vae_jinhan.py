"""Tacotron 2-VAE checkpoints of github.com/jinhan/tacotron2-vae: ``{"state_dict": tensors, "optimizer": …, …}``.

Its mel: 16,000 Hz, windows of 1,024 every 256 samples, centred, 80 bands from 0 to 8,000 Hz, natural logarithm; it is
predicted as it is, not standardised. Its hparams may be given as JSON. Its style encoder was taught mels reshaped
across time and frequency, and is imported with `scrambled`, which does the same. Tables of speakers and emotions, and a
second first convolution, are never used there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from tts.acoustic.tacotron2 import Config
from tts.config import build
from tts.imports import symbols, tacotron2
from tts.imports.layout import Given, Layout, Understood, Weights, renamed

_NAME, _TABLE, _REFERENCE = "tacotron2_vae_jinhan", "transcript_embedding", "vae_gst.ref_encoder"
_UNUSED = ("speaker_embedding.", "emotion_embedding.", f"{_REFERENCE}.convs.0.weight", f"{_REFERENCE}.convs.0.bias")


def recognises(state: Mapping[str, Tensor]) -> bool:
    """By its attention and the latent layers of its style encoder."""
    return {f"{_TABLE}.weight", tacotron2.ATTENTION, "vae_gst.fc1.weight"} <= state.keys()


def understand(state: Weights, given: Given) -> Understood:
    """Config and Inventory from shapes and, where they are given, hparams."""
    names = symbols.named(len(state[f"{_TABLE}.weight"]), given.symbols, symbols.jinhan(), layout=_NAME)
    config = build(Config, tacotron2.model(state, given) | {"style": "vae", "vae": _vae(state)}, where=_NAME)
    notes = ("tables of speakers and emotions and a second first convolution of the style encoder are not used there",)
    return Understood(config, tacotron2.inventory(state, given, names, sample_rate=16000), notes)


def converted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename tensors; the one style and how far clips stray from it are the prior's.

    Raises:
        CheckpointError: tensors are missing or left over.
    """
    state = Weights(state)
    modules = [("symbols", _TABLE), *tacotron2.modules(state), *_style(state)]
    ours = tacotron2.without_layer_number(renamed(state, modules, unused=_UNUSED))
    dims = len(state["vae_gst.fc1.weight"])
    return ours | {"styles.weight": torch.zeros(1, dims), "styles.deviation": torch.ones(dims)}


def _style(state: Weights) -> Iterator[tuple[str, str]]:
    yield "style.reference.convolutions.0", f"{_REFERENCE}.convs.0.conv"
    for i in range(state.count(f"{_REFERENCE}.bns")):
        if i:
            yield f"style.reference.convolutions.{i}", f"{_REFERENCE}.convs.{i}"
        yield f"style.reference.norms.{i}", f"{_REFERENCE}.bns.{i}"
    yield "style.reference.gru", f"{_REFERENCE}.gru"
    for ours, theirs in (("mean", "fc1"), ("log_variance", "fc2"), ("output", "fc3")):
        yield f"style.{ours}", f"vae_gst.{theirs}"


def _vae(state: Weights) -> dict[str, Any]:
    filters = [len(state[f"{_REFERENCE}.bns.{i}.weight"]) for i in range(state.count(f"{_REFERENCE}.bns"))]
    hidden = state[f"{_REFERENCE}.gru.weight_hh_l0"].shape[1]
    reference = {"filters": filters, "hidden": hidden, "coordinates": True, "scrambled": True}
    return {"reference": reference, "dims": len(state["vae_gst.fc1.weight"])}


LAYOUT = Layout(_NAME, "acoustic/tacotron2", recognises, understand, converted)
