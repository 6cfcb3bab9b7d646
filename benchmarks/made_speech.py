"""Speech to measure data stages on: the demo's voices, two sentences a clip, with faint noise."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.yaml import read_yaml
from tts.corpora.demo_sentences import sentences
from tts.text.espeak import Manner

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_RATE = 22050
VOICES = (Manner("en-us+Annie", rate=175), Manner("en-us", rate=170), Manner("en-us+Nguyen", pitch=45, rate=180))
_NOISE = 32768 * 10 ** (-60 / 20)  # RMS of 60 dB below full scale


def texts(numbers: range) -> Iterator[str]:
    """What clips of these numbers say."""
    halves = islice(sentences("en", 2 * numbers.stop, seed=1), 2 * numbers.start, None)
    return (f"{first} {second}" for first, second in zip(halves, halves, strict=True))


def noisy(waveform: npt.NDArray[np.int16], number: int) -> npt.NDArray[np.int16]:
    """Samples of a clip with noise of its own."""
    noise = np.random.default_rng(number).normal(0, _NOISE, len(waveform))
    return np.clip(np.rint(waveform + noise), -32768, 32767).astype(np.int16)


def data_params(name: str, corpus: dict[str, Any]) -> dict[str, Any]:
    """The preset ljspeech with another corpus, and without runs and voices."""
    params = read_yaml(ROOT / "presets" / "ljspeech.yaml")
    run = {"corpora": [name], "acoustic": {}, "vocoders": {}, "finetune": {}, "voices": {}}
    return {**params, "run": run, "corpora": {name: corpus}, "runs": {}, "voices": {}}
