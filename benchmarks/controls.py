"""What the controls of a trained voice do to the sound, measured on what it says of the test split.

    python benchmarks/controls.py [--json] [--acoustic models/demo_acoustic] [--vocoder models/demo_vocoder]
                                  [--index data/features/demo/index] [--clips 24]

Every sentence is spoken once as it is and once for each control. F0 is measured by DIO and compared where both are
voiced; energy as features measure it; length in frames. A control of f should give a ratio of f in its own column and
of 1 in the others (2 semitones are 1.122, 3 dB 1.413); energy is that of the whole frame, which higher harmonics move
too.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from tts.audio.prosody import PitchSettings, f0
from tts.audio.spectrogram import frame_energy, magnitude
from tts.data.tables import UTTERANCES, read_table
from tts.interfaces import Controls
from tts.synthesis import Line, Speech, Voice

CONTROLS = {
    "pitch_scale": (0.8, 1.2),
    "pitch_semitones": (-2.0, 2.0),
    "energy_scale": (0.5, 2.0),
    "energy_db": (-3.0, 3.0),
    "duration_scale": (0.8, 1.25),
}
PITCH = PitchSettings(f_min=50.0, f_max=800.0)  # room for a pitch scale on both sides of the corpus' range


def main() -> None:
    """Print the ratio of pitch, energy and length that each control makes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print ratios as one JSON object")
    parser.add_argument("--acoustic", type=Path, default=Path("models/demo_acoustic"))
    parser.add_argument("--vocoder", type=Path, default=Path("models/demo_vocoder"))
    parser.add_argument("--index", type=Path, default=Path("data/features/demo/index"))
    parser.add_argument("--clips", type=int, default=24, help="of the test split, at most")
    options = parser.parse_args()
    voice = Voice.load(options.acoustic, options.vocoder)
    lines = _lines(options.index, options.clips)
    plain = voice.speak(lines)
    found = {
        f"{name}={scale}": _ratios(voice, plain, voice.speak(lines, controls=Controls.of(**{name: scale})))
        for name, scales in CONTROLS.items()
        for scale in scales
    }
    if options.json:
        print(json.dumps(found))
        return
    print(f"{len(lines)} sentences of the test split\n{'control':22}{'pitch':>9}{'energy':>9}{'length':>9}")
    for control, ratios in found.items():
        print(f"{control:22}" + "".join(f"{ratio:9.3f}" for ratio in ratios.values()))


def _lines(index: Path, limit: int) -> list[Line]:
    rows = [row for row in read_table(index / "utterances.parquet", UTTERANCES) if row["split"] == "test"]
    return [Line(tuple(row["phones"]), row["speaker"], row["style"]) for row in rows[:limit]]


def _ratios(voice: Voice, plain: list[Speech], changed: list[Speech]) -> dict[str, float]:
    """Ratios of mean pitch, mean energy and length, changed to plain, over all sentences together."""
    frames = sum(int(each.durations.sum()) for each in changed) / sum(int(each.durations.sum()) for each in plain)
    pitch = [(_pitch(voice, a), _pitch(voice, b)) for a, b in zip(plain, changed, strict=True)]
    if all(np.array_equal(a.durations, b.durations) for a, b in zip(plain, changed, strict=True)):  # frame by frame
        pitch = [(a * (b > 0), b * (a > 0)) for a, b in pitch]
    before, after = (np.concatenate([pair[side] for pair in pitch]) for side in (0, 1))
    energy = [np.concatenate([_energy(voice, each) for each in said]).mean() for said in (plain, changed)]
    return {
        "pitch": round(float(after[after > 0].mean() / before[before > 0].mean()), 4),
        "energy": round(float(energy[1] / energy[0]), 4),
        "length": round(frames, 4),
    }


def _pitch(voice: Voice, speech: Speech) -> np.ndarray:
    return f0(speech.waveform.astype(np.float64), voice.inventory.mel, PITCH)


def _energy(voice: Voice, speech: Speech) -> np.ndarray:
    definition = voice.inventory.mel
    return frame_energy(magnitude(torch.from_numpy(speech.waveform)[None], definition))[0].numpy()


if __name__ == "__main__":
    main()
