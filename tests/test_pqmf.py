"""Sub-bands: their sum is the waveform, on time, and each holds its own frequencies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tts.layers.pqmf import Pqmf, best_cutoff

GOLDEN = Path(__file__).parents[2] / "shared" / "golden"


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def snr_db(found, wanted):
    return (10 * torch.log10(wanted.square().mean() / (found - wanted).square().mean())).item()


@pytest.mark.parametrize("bands", [2, 3, 4, 5, 8, 16])
def test_what_was_split_comes_back_without_delay(bands):
    split, waveform = Pqmf(bands), noise(2, 480 * bands)
    subbands = split.analysis(waveform)
    assert subbands.shape == (2, bands, 480)
    again = split.synthesis(subbands)
    assert again.shape == waveform.shape
    inner = slice(split.taps, -split.taps)
    assert snr_db(again[:, inner], waveform[:, inner]) > 60


def test_the_legacy_form_is_one_sample_late():
    split, waveform = Pqmf(form="legacy"), noise(2, 1920)
    again = split.synthesis(split.analysis(waveform))
    inner = slice(100, -100)
    assert snr_db(again[:, inner], waveform[:, inner]) < 0
    assert 15 < snr_db(again[:, inner], waveform.roll(1, dims=1)[:, inner]) < 18


def test_a_tone_stays_in_the_band_of_its_frequency():
    split = Pqmf()
    for band in range(4):
        tone = torch.sin(torch.pi * (band + 0.5) / 4 * torch.arange(2048))[None]
        power = split.analysis(tone)[0, :, 32:-32].square().mean(dim=1)
        assert power[band] > 1e4 * (power.sum() - power[band])


def test_the_published_cutoff_is_found():
    assert best_cutoff(4, taps=62, beta=9.0) == 0.142


def test_filters_are_not_saved():
    assert not Pqmf().state_dict()


def test_half_precision_loses_nothing():
    split, waveform = Pqmf(), noise(1, 1024)
    expected = split.synthesis(split.analysis(waveform))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(split.synthesis(split.analysis(waveform)), expected)


def test_gradients_reach_the_waveform():
    waveform = noise(1, 64).requires_grad_()
    split = Pqmf()
    split.synthesis(split.analysis(waveform)).square().sum().backward()
    assert waveform.grad.isfinite().all()
    assert waveform.grad.abs().min() > 0


@pytest.mark.parametrize("form", ["pwg", "legacy"])
def test_both_forms_equal_the_public_implementations(form):
    folder = GOLDEN / {"pwg": "pqmf", "legacy": "pqmf_legacy"}[form]
    if not folder.exists():
        pytest.skip(f"the golden fixture {folder.name} is not beside this checkout")
    arrays = np.load(folder / "io.npz")
    split = Pqmf(form=form)
    ours = split.analysis(torch.from_numpy(arrays["x"][:, 0]))
    np.testing.assert_allclose(ours, arrays["subbands"], atol=1e-5, rtol=0)
    again = split.synthesis(torch.from_numpy(arrays["subbands"]))
    np.testing.assert_allclose(again, arrays["reconstruction"][:, 0], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("bands", "taps"), [(1, 62), (4, 61), (4, 0)])
def test_impossible_filters_are_refused(bands, taps):
    with pytest.raises(ValueError, match=f"not {bands} and {taps}"):
        Pqmf(bands, taps=taps)


def test_samples_that_cannot_be_split_are_refused():
    with pytest.raises(ValueError, match="1023 samples cannot be split evenly into 4 bands"):
        Pqmf().analysis(noise(1, 1023))
