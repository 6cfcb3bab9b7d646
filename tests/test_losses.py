"""Spectral and adversarial losses, and the discriminators behind the latter: values that are known by hand."""

from __future__ import annotations

import math

import pytest
import torch

from tts.audio.mel_definition import MelDefinition
from tts.layers.discriminators import DiscriminatorConfig, Discriminators
from tts.losses.adversarial import discriminator_loss, feature_matching_loss, generator_loss
from tts.losses.spectral import loss_mel_definition, mel_distance, multi_resolution_stft_distance

MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)
TINY = DiscriminatorConfig(
    periods=(2, 3),
    period_channels=(4, 4, 8, 8, 8),
    scales=2,
    scale_channels=(16, 16, 16, 16, 16, 16, 16),
    resolutions=((256, 64, 256), (128, 32, 128)),
    resolution_channels=4,
)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def judged(*scores: float) -> list:
    return [(torch.full((2, 5), score), [torch.full((2, 3), score)]) for score in map(float, scores)]


def test_equal_waveforms_have_no_distance():
    waveform = noise(2, 4096)
    assert multi_resolution_stft_distance(waveform, waveform) == 0
    assert mel_distance(waveform, waveform, MEL) == 0


def test_a_gain_costs_what_it_should():
    waveform = noise(2, 8192)
    distance = multi_resolution_stft_distance(2 * waveform, waveform)
    assert distance.item() == pytest.approx(1 + math.log(2), rel=1e-3)
    assert mel_distance(2 * waveform, waveform, MEL).item() == pytest.approx(math.log(2), rel=1e-3)


def test_the_loss_hears_what_the_input_mel_does_not():
    definition = loss_mel_definition(MEL)
    assert (definition.f_max, definition.n_mels) == (11025, 80)
    time = torch.arange(8192) / 22050
    whistle = 0.1 * torch.sin(2 * math.pi * 9500 * time)[None]
    quiet = noise(1, 8192) * 0.1
    assert mel_distance(quiet + whistle, quiet, definition) > 4 * mel_distance(quiet + whistle, quiet, MEL)


def test_silence_has_finite_gradients():
    silence = torch.zeros(1, 4096, requires_grad=True)
    target = noise(1, 4096)
    terms = mel_distance(silence, target, loss_mel_definition(MEL)), multi_resolution_stft_distance(silence, target)
    sum(terms).backward()
    assert silence.grad.isfinite().all()


def test_silence_is_a_target_like_any_other():
    waveform, silence = noise(1, 4096).requires_grad_(), torch.zeros(1, 4096)
    distance = multi_resolution_stft_distance(waveform, silence)
    distance.backward()
    assert distance.isfinite()
    assert waveform.grad.isfinite().all()


def test_spectral_losses_keep_their_precision_under_autocast():
    ours, theirs = noise(1, 4096, seed=1), noise(1, 4096, seed=2)
    with torch.autocast("cpu", torch.bfloat16):
        half = mel_distance(ours, theirs, MEL), multi_resolution_stft_distance(ours, theirs)
    assert half == (mel_distance(ours, theirs, MEL), multi_resolution_stft_distance(ours, theirs))


def test_least_squares_values():
    assert discriminator_loss(judged(1, 1), judged(0, 0)) == 0
    assert discriminator_loss(judged(0.5), judged(0.5)) == 0.5
    assert generator_loss(judged(0.5, 0.5)) == 0.5
    assert generator_loss(judged(1)) == 0


def test_hinge_values():
    assert discriminator_loss(judged(2), judged(-3), objective="hinge") == 0
    assert discriminator_loss(judged(0), judged(0), objective="hinge") == 2
    assert generator_loss(judged(0.25, 0.5), objective="hinge") == -0.75


def test_feature_matching_is_zero_for_equal_features_and_moves_only_the_generated():
    assert feature_matching_loss(judged(1, 2), judged(1, 2)) == 0
    assert feature_matching_loss(judged(1, 2), judged(2, 4)) == 3
    real, fake = torch.ones(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    feature_matching_loss([(real, [real])], [(fake, [fake])]).backward()
    assert real.grad is None
    assert fake.grad is not None


def test_discriminators_have_the_published_sizes(monkeypatch):
    # Only sizes matter here, and drawing 70 million numbers is most of the time.
    monkeypatch.setattr(torch.nn.init, "kaiming_uniform_", lambda weight, **_: weight)
    members = Discriminators(DiscriminatorConfig()).members
    sizes = [sum(each.numel() for each in member.parameters()) for member in members]
    assert sum(sizes[:5]) == 41_105_770
    assert sum(sizes[5:]) == 29_618_821


def test_discriminators_judge_without_touching_their_input():
    torch.manual_seed(0)
    panel = Discriminators(TINY)
    waveform = noise(2, 1025)
    before = waveform.clone()
    judgements = panel(waveform)
    assert torch.equal(waveform, before)
    assert len(judgements) == 6
    assert all(len(score) == 2 and all(len(each) == 2 for each in features) for score, features in judgements)


def test_every_parameter_of_the_discriminators_learns():
    torch.manual_seed(0)
    panel = Discriminators(TINY)
    fake = noise(2, 2048, seed=1).requires_grad_()
    real_judged, fake_judged = panel(noise(2, 2048)), panel(fake)
    discriminator_loss(real_judged, fake_judged).backward()
    for name, parameter in panel.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert fake.grad.abs().sum() > 0


def test_the_period_discriminator_folds_by_period():
    torch.manual_seed(0)
    settings = DiscriminatorConfig(periods=(3,), period_channels=(4, 4, 4, 4, 4), scales=0)
    (member,) = Discriminators(settings).members
    waveform = noise(1, 300)
    changed = waveform.clone()
    changed[0, 1::3] += 1
    columns = [score[1][0].abs().sum((0, 1, 2)) for score in (member(waveform), member(changed))]
    assert (columns[0] - columns[1]).abs().gt(1e-6).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"periods": (), "scales": 0}, "at least one"),
        ({"scale_channels": (8, 8, 8, 8, 8, 8, 8)}, "multiples of 16"),
    ],
)
def test_impossible_discriminators_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        DiscriminatorConfig(**changes)
