"""The mel of a buzz, against the mel of one that sounds."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tts.audio.mel_definition import MelDefinition
from tts.audio.spectrogram import mel_spectrogram
from tts.layers.harmonics import HarmonicMel

MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)
HARMONICS = HarmonicMel(MEL)


def of(pitch):
    return HARMONICS(torch.tensor([[float(pitch)]]))[0, 0]


def sounding(pitch):
    time = torch.arange(8192, dtype=torch.float64) / 22050
    waveform = sum(torch.cos(2 * torch.pi * k * pitch * time) for k in range(1, int(11025 / pitch)))
    return mel_spectrogram(waveform.float()[None], MEL)[0].mean(1)


@pytest.mark.parametrize(("low", "high"), [(110, 160), (200, 290), (300, 420)])
def test_the_change_from_one_pitch_to_another_is_that_of_a_sounding_buzz(low, high):
    ours, theirs = of(high) - of(low), sounding(high) - sounding(low)
    bands = slice(2, 30)  # those that resolve harmonics
    assert torch.corrcoef(torch.stack((ours[bands], theirs[bands])))[0, 1] > 0.9


def test_peaks_lie_on_the_harmonics():
    peaks = of(400)[:30].unfold(0, 3, 1)
    found = [i + 1 for i, (a, b, c) in enumerate(peaks.tolist()) if b > a and b > c]
    band_hz = 37.24  # below 1 kHz bands are equally wide
    for harmonic in (400, 800):
        assert min(abs((i + 1) * band_hz - harmonic) for i in found) < band_hz


def test_unvoiced_frames_have_none_and_pitches_out_of_range_are_those_at_its_ends():
    assert not of(0).any()
    assert torch.equal(of(20), of(50))
    assert torch.equal(of(5000), of(800))


@given(st.floats(50, 790))
def test_neighbouring_pitches_have_neighbouring_mels(pitch):
    assert (of(pitch * 1.001) - of(pitch)).abs().max() < 0.2
