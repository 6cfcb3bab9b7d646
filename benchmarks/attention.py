"""Whether a trained voice that speaks by attention reads all of each held-out sentence and comes to its end.

    python benchmarks/attention.py [--json] [--acoustic models/demo_acoustic] [--corpus demo]

Sentences are those of the validation and test splits. `near` is the share of steps, following the recording, whose most
attended phone is at most one from that of the aligner; `diagonality` is of `tts.layers.alignments`. Spoken freely, a
sentence is `ended` if the gate ended it before its limit, and `whole` if nothing was told either: no phone left out,
none repeated.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import nn

from tts.data.features import CorpusFeatures
from tts.interfaces import AcousticBatch, Controls
from tts.models import load_model
from tts.training.batching import AcousticBatches


def main() -> None:
    """Print how attention fares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print figures as one JSON object")
    parser.add_argument("--acoustic", type=Path, default=Path("models/demo_acoustic"))
    parser.add_argument("--corpus", default="demo")
    options = parser.parse_args()
    model, folder = load_model(options.acoustic), Path("data/features") / options.corpus
    features = CorpusFeatures(
        Path("data/corpus") / options.corpus, folder / "mel", prosody=folder / "prosody", index=folder / "index"
    )
    reader = AcousticBatches(features, model.inventory, "phone")
    names = [*features.select("validation"), *features.select("test")]
    found = [measured(model.network, reader.read([name])) for name in names]
    figures = {what: sum(float(each[what]) for each in found) / len(found) for what in found[0] if what != "told"}
    told = {name: each["told"] for name, each in zip(names, found, strict=True) if each["told"]}
    if options.json:
        print(json.dumps({"sentences": len(names), **figures, "told": told}))
        return
    print(f"{len(names)} sentences: " + ", ".join(f"{what} {value:.3f}" for what, value in figures.items()))
    for name, failure in told.items():
        print(f"{name}: {failure}")


@torch.inference_mode()
def measured(network: nn.Module, batch: AcousticBatch) -> dict[str, float | str]:
    """Figures of a batch of one sentence, and what was told of it."""
    torch.manual_seed(0)
    speech = network.speak(
        batch.phones,
        batch.phone_lengths,
        speaker_ids=batch.speaker_ids,
        style_ids=batch.style_ids,
        controls=Controls(),
    )
    followed = network.pictures(batch)["attention"][0].argmax(dim=0)
    frames_per_step = network.decoder.frames_per_step
    told = speech.failures[0]
    return {
        "diagonality": float(network.loss(batch)["diagonality"]),
        "near": near(followed, batch.durations[0], frames_per_step),
        "ended": "limit" not in told,
        "whole": not told,
        "length": float(speech.mel_lengths / batch.mel_lengths),
        "told": told,
    }


def near(followed: torch.Tensor, durations: torch.Tensor, frames_per_step: int) -> float:
    """Share of steps whose phone [steps] is at most one from that of durations [phones] in frames, at their middle."""
    phones = torch.arange(len(durations)).repeat_interleave(durations)
    middles = torch.arange(len(followed)) * frames_per_step + frames_per_step // 2
    return float(((followed - phones[middles.clamp(max=len(phones) - 1)]).abs() <= 1).float().mean())


if __name__ == "__main__":
    main()
