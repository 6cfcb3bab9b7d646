"""How well a trained voice hears styles of held-out clips, and how far it goes when it speaks in them.

    python benchmarks/styles.py [--json] [--acoustic models/demo_acoustic] [--vocoder models/demo_vocoder]
                                [--corpus demo] [--neutral neutral] [--clips 24]

Heard: clips of the validation and test splits, classified by the nearest mean of a style's training clips, as vectors
are and less the mean of their speaker's training clips. Spoken: every test sentence by its own speaker in each style,
as named, and in the neutral one; ln F0 is a mean over voiced frames, measured as the corpus was, and rate is phones,
pauses included, by seconds. Their difference is given as a share of that between the speaker's training clips of both
styles: 1 is all of the gap. Intervals are of 95 %, by bootstrap over clips.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from pipeline.evaluation import read_pitch
from tts.audio.prosody import PitchSettings, f0
from tts.data.features import CorpusFeatures
from tts.metrics.intervals import Interval, interval
from tts.metrics.styles import centred, found_by_nearest, gap_covered, mean_log_f0
from tts.synthesis import Line, Voice

Measured = Mapping[str, float]


def main() -> None:
    """Print how many held-out clips are told, and the share of each gap that is covered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print figures as one JSON object")
    parser.add_argument("--acoustic", type=Path, default=Path("models/demo_acoustic"))
    parser.add_argument("--vocoder", type=Path, default=Path("models/demo_vocoder"))
    parser.add_argument("--corpus", default="demo")
    parser.add_argument("--neutral", default="neutral", help="the style that others are compared with")
    parser.add_argument("--clips", type=int, default=24, help="sentences of the test split, at most")
    options = parser.parse_args()
    voice = Voice.load(options.acoustic, options.vocoder)
    folder = Path("data/features") / options.corpus
    features = CorpusFeatures(
        Path("data/corpus") / options.corpus, folder / "mel", prosody=folder / "prosody", index=folder / "index"
    )
    found = heard(voice, features) if voice.styles.learned else {}
    found |= spoken(
        voice,
        features,
        read_pitch(folder / "prosody"),
        neutral=options.neutral,
        names=features.select("test")[: options.clips],
    )
    if options.json:
        print(json.dumps({name: asdict(each) for name, each in found.items()}))
        return
    for name, each in found.items():
        print(f"{name:32} {each.mean:6.3f}  {each.low:.3f} to {each.high:.3f}  n = {each.n}")


def heard(voice: Voice, features: CorpusFeatures) -> dict[str, Interval]:
    """Share of held-out clips whose style is told, as vectors are and with speakers taken out."""
    names = [name for split in ("train", "validation", "test") for name in features.select(split)]
    train = np.isin(names, list(features.select("train")))
    rows = [features.utterances[name] for name in names]
    styles, speakers = (np.array([getattr(row, column) for row in rows]) for column in ("style", "speaker"))
    vectors = voice.styles.of_mels([features.mel(name) for name in names]).astype(np.float64)
    return {
        "heard": interval(found_by_nearest(vectors, styles, train)),
        "heard, speakers centred": interval(found_by_nearest(centred(vectors, speakers, train), styles, train)),
    }


def spoken(
    voice: Voice, features: CorpusFeatures, pitch: Mapping[str, PitchSettings], *, neutral: str, names: list[str]
) -> dict[str, Interval]:
    """Share of the gap from neutral to each style that is covered, of ln F0 and of rate."""
    natural, rows = _natural(features), [features.utterances[name] for name in names]
    said = {style: _said(voice, rows, style, pitch) for style in voice.inventory.styles}
    return {
        f"{style}, {what}": interval(
            [
                gap_covered(
                    ours[what],
                    plain[what],
                    natural_styled=natural[row.speaker, style][what],
                    natural_plain=natural[row.speaker, neutral][what],
                )
                for row, ours, plain in zip(rows, measured, said[neutral], strict=True)
            ]
        )
        for style, measured in said.items()
        if style != neutral
        for what in ("F0", "rate")
    }


def _natural(features: CorpusFeatures) -> dict[tuple[str, str], Measured]:
    """What training clips measure, a mean by speaker and style."""
    clips: dict[tuple[str, str], list[Measured]] = {}
    for name in features.select("train"):
        row = features.utterances[name]
        seconds = row.num_frames / features.mel_definition.frames_per_second
        measured = _measured(features.prosody(name).pitch, len(row.phones) / seconds)
        clips.setdefault((row.speaker, row.style), []).append(measured)
    return {
        who: {what: float(np.mean([each[what] for each in found])) for what in found[0]} for who, found in clips.items()
    }


def _said(voice: Voice, rows: list, style: str, pitch: Mapping[str, PitchSettings]) -> list[Measured]:
    """What sentences measure that are said in a style."""
    definition = voice.inventory.mel
    speeches = voice.speak([Line(tuple(row.phones), row.speaker, style) for row in rows])
    return [
        _measured(
            f0(speech.waveform.astype(np.float64), definition, pitch[row.speaker]),
            len(row.phones) * definition.sample_rate / len(speech.waveform),
        )
        for row, speech in zip(rows, speeches, strict=True)
    ]


def _measured(pitch: np.ndarray, rate: float) -> Measured:
    return {"F0": mean_log_f0(pitch), "rate": float(np.log(rate))}


if __name__ == "__main__":
    main()
