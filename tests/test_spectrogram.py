"""The one mel definition: known values, frame counts of both framings, and what it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tts.audio.mel_definition import MelDefinition, min_samples, num_frames, require_equal
from tts.audio.spectrogram import frame_energy, magnitude, mel_basis, mel_spectrogram
from tts.errors import AudioError, ConfigError

GOLDEN = Path(__file__).parents[2] / "shared" / "golden"
MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)
FRAMINGS = ("hifigan", "centered")


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("sample_rate", "n_fft", "n_mels", "f_max"),
    [(22050, 1024, 80, 8000.0), (16000, 800, 40, 7600.0), (44100, 2048, 128, 22050.0)],
)
def test_mel_basis_equals_librosa(sample_rate, n_fft, n_mels, f_max):
    definition = MelDefinition(
        sample_rate=sample_rate,
        n_fft=n_fft,
        hop_length=n_fft // 4,
        win_length=n_fft,
        n_mels=n_mels,
        f_min=20.0,
        f_max=f_max,
    )
    theirs = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=20.0, fmax=f_max)
    np.testing.assert_allclose(mel_basis(definition).numpy(), theirs, atol=1e-8)


@pytest.mark.parametrize(("framing", "padding"), [("hifigan", 384), ("centered", 512)])
def test_mel_equals_librosa(framing, padding):
    definition = dataclasses.replace(MEL, framing=framing, magnitude_epsilon=0.0, win_length=800)
    waveform = noise(1, 8000)
    # librosa.stft would compile for half a minute; these are its frames: a centred window, each hop_length apart.
    padded = np.pad(waveform[0].double().numpy(), padding, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 1024)[::256]
    window = librosa.util.pad_center(librosa.filters.get_window("hann", 800), size=1024)
    magnitudes = np.abs(np.fft.rfft(frames * window)).T
    theirs = librosa.filters.mel(sr=22050, n_fft=1024, n_mels=80, fmin=0.0, fmax=8000.0) @ magnitudes
    ours = mel_spectrogram(waveform, definition)[0].numpy()
    np.testing.assert_allclose(ours, np.log(np.maximum(theirs, 1e-5)), atol=1e-4)


@pytest.mark.parametrize(
    ("fixture", "array", "changes", "to_natural_log"),
    [
        ("mel_hifigan", "mel", {}, 1.0),
        ("mel_hifigan", "mel_loss", {"f_max": 11025.0}, 1.0),
        ("mel_vits2", "mel", {"f_max": 11025.0, "magnitude_epsilon": 1e-6}, 1.0),
        ("mel_melgan", "mel", {"f_max": 11025.0, "magnitude_epsilon": 0.0}, float(np.log(10))),
        ("mel_tacotron2", "mel", {"framing": "centered", "magnitude_epsilon": 0.0}, 1.0),
    ],
)
def test_mel_equals_the_public_implementations(fixture, array, changes, to_natural_log):
    path = GOLDEN / fixture / "io.npz"
    if not path.exists():
        pytest.skip(f"the golden fixture {fixture} is not beside this checkout")
    arrays = np.load(path)
    waveform = torch.from_numpy(arrays["audio"]).reshape(1, -1)
    ours = mel_spectrogram(waveform, dataclasses.replace(MEL, **changes)).numpy()
    difference = np.abs(ours - arrays[array] * to_natural_log)
    # Quiet bins magnify rounding in the logarithm: the mean is the sharp test.
    assert difference.mean() < 1e-5
    assert difference.max() < 2e-3


def test_energy_equals_the_public_implementation():
    path = GOLDEN / "mel_tacotron2" / "io.npz"
    if not path.exists():
        pytest.skip("the golden fixture mel_tacotron2 is not beside this checkout")
    arrays = np.load(path)
    definition = dataclasses.replace(MEL, framing="centered", magnitude_epsilon=0.0)
    ours = frame_energy(magnitude(torch.from_numpy(arrays["audio"]).reshape(1, -1), definition))
    np.testing.assert_allclose(ours[0].numpy(), arrays["energy"], atol=1e-3)


@given(
    num_samples=st.integers(1, 6000),
    n_fft=st.sampled_from([256, 400, 1024]),
    hop_length=st.sampled_from([64, 80, 200, 256]),
    framing=st.sampled_from(FRAMINGS),
)
def test_a_mel_has_num_frames_frames_or_is_refused(num_samples, n_fft, hop_length, framing):
    definition = MelDefinition(
        sample_rate=16000,
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=n_fft,
        n_mels=10,
        f_min=0.0,
        f_max=8000.0,
        framing=framing,
    )
    waveform = noise(1, num_samples)
    if num_samples < min_samples(definition):
        with pytest.raises(AudioError, match=f"{num_samples} samples are too few"):
            mel_spectrogram(waveform, definition)
    else:
        assert mel_spectrogram(waveform, definition).shape == (1, 10, num_frames(num_samples, definition))


@pytest.mark.parametrize("framing", FRAMINGS)
def test_frames_are_centred_where_the_definition_says(framing):
    definition = dataclasses.replace(MEL, framing=framing)
    click = torch.zeros(1, 8192)
    click[0, 4096 + int(definition.first_center)] = 1
    energy = frame_energy(magnitude(click, definition))[0]
    assert energy.argmax() == 4096 // 256


def test_a_definition_made_in_inference_mode_can_be_trained_through():
    definition = dataclasses.replace(MEL, n_mels=17, win_length=998)
    waveform = noise(1, 4096)
    with torch.inference_mode():
        mel_spectrogram(waveform, definition)
    waveform.requires_grad_()
    mel_spectrogram(waveform, definition).sum().backward()
    assert waveform.grad is not None
    assert waveform.grad.isfinite().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"f_max": 12000.0}, "f_max <= 11025"),
        ({"win_length": 2048}, "win_length <= n_fft"),
        ({"hop_length": 255}, "even hop_length"),
        ({"n_fft": 1025}, "even n_fft"),
        ({"n_mels": 0}, "n_mels >= 1"),
    ],
)
def test_impossible_definitions_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(MEL, **changes)


def test_differing_definitions_are_named_field_by_field():
    other = dataclasses.replace(MEL, f_max=7600.0, framing="centered")
    require_equal(MEL, MEL, what="voice")
    with pytest.raises(ConfigError, match=r"voice: .*f_max 8000.0 against 7600.0, framing hifigan against centered"):
        require_equal(MEL, other, what="voice")
