"""Cepstra for the aligner: fine frames for refinement, and coarser ones with slopes for the HMMs."""

from __future__ import annotations

from dataclasses import dataclass

import kaldi_native_fbank as knf
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

NUM_CEPSTRA = 13
# Regression over two frames on each side, as in HTK and Kaldi.
_SLOPE = np.array([-2.0, -1.0, 0.0, 1.0, 2.0], dtype=np.float32) / 10.0
_FULL_SCALE = 32768.0  # Kaldi's scale of samples


@dataclass(frozen=True)
class Framing:
    """Analysis frames of one sample rate; frame t is centred on sample ``hop * (t + 1/2)``.

    The hop is a whole number of samples, and times are counted in samples. Kaldi truncates: its 10 ms at 22,050 Hz
    are 220 samples, 9.977 ms; taken for 10 ms, boundaries come later and later, by 10 ms after 4.4 s.

    Attributes:
        sample_rate: Hz.
        shift_ms: of the HMM's frames, which average two fine frames each.
    """

    sample_rate: int
    shift_ms: float

    @property
    def hop(self) -> int:
        """Samples from one fine frame to the next."""
        return round(self.sample_rate * self.shift_ms / 2000)

    def num_frames(self, num_samples: int) -> int:
        """Fine frames of a clip."""
        return (num_samples + self.hop // 2) // self.hop


def cepstra(waveform: FloatArray, framing: Framing) -> FloatArray:
    """Fine frames [frames, NUM_CEPSTRA] of a waveform [samples] in [-1, 1]."""
    options = knf.MfccOptions()
    frames = options.frame_opts
    frames.samp_freq = framing.sample_rate
    frames.dither = 0.0  # noise would make every run different
    frames.snip_edges = False
    frames.frame_shift_ms = 1000 * (framing.hop + 0.5) / framing.sample_rate  # truncated to `hop` samples
    frames.frame_length_ms = 1.5 * framing.shift_ms
    options.num_ceps = NUM_CEPSTRA
    options.use_energy = False
    extractor = knf.OnlineMfcc(options)
    extractor.accept_waveform(framing.sample_rate, (waveform * _FULL_SCALE).tolist())
    extractor.input_finished()
    rows = [extractor.get_frame(index) for index in range(extractor.num_frames_ready)]
    return np.array(rows, dtype=np.float32).reshape(-1, NUM_CEPSTRA)


def observations(fine: FloatArray, mean: FloatArray) -> FloatArray:
    """What the HMMs see: [frames // 2, 3 * NUM_CEPSTRA] cepstra less the speaker's mean, slopes, slopes of slopes."""
    pairs = fine[: len(fine) // 2 * 2].reshape(-1, 2, NUM_CEPSTRA)
    coarse = pairs.mean(axis=1) - mean
    slopes = _slopes(coarse)
    return np.concatenate([coarse, slopes, _slopes(slopes)], axis=1)


def _slopes(frames: FloatArray) -> FloatArray:
    padded = np.pad(frames, ((2, 2), (0, 0)), mode="edge")
    terms = [weight * padded[lag : lag + len(frames)] for lag, weight in enumerate(_SLOPE)]
    slopes: FloatArray = np.sum(terms, axis=0, dtype=np.float32)
    return slopes
