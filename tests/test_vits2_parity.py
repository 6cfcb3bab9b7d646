"""VITS2 beside the outputs of github.com/FENRlR/MB-iSTFT-VITS2 on the same weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tts.audio.mel_definition import MelDefinition
from tts.end_to_end import vits2
from tts.end_to_end.vits2 import Config, Vits2
from tts.errors import CheckpointError
from tts.imports.mb_istft_vits2 import converted
from tts.interfaces import Controls, EndToEndBatch, Inventory
from tts.layers import posterior_encoder
from tts.layers.masking import length_mask
from tts.layers.relative_transformer import RelativeTransformerConfig
from tts.layers.residual_stacks import TrunkConfig

FIXTURE = Path(__file__).parents[2] / "shared" / "golden" / "mb_istft_vits2_mini"
MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=11025.0)
CONFIG = Config(
    pqmf="legacy",
    latent=32,
    hidden=32,
    text=RelativeTransformerConfig(layers=2, filter=64),
    trunk=TrunkConfig(channels=64, upsample_rates=(4, 4), upsample_kernels=(16, 16)),
)

pytestmark = pytest.mark.skipif(not FIXTURE.exists(), reason=f"needs the reference outputs {FIXTURE}")


@pytest.fixture(scope="module")
def arrays():
    with np.load(FIXTURE / "io.npz") as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture(scope="module")
def state():
    return load_file(FIXTURE / "state.safetensors")


@pytest.fixture(scope="module")
def network(state):
    built = Vits2(CONFIG, Inventory(mel=MEL, symbols=tuple(map(str, range(204)))))
    built.fold_weight_norm()
    built.load_state_dict(converted(state))
    return built.eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def phones(arrays):
    """Phones and lengths without the blanks."""
    return (arrays["x"][:, 1::2] - 1).clamp(min=0), (arrays["x_lengths"] - 1) // 2


def close(found, expected, tolerance):
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)


def test_the_text_encoder_and_the_durations_are_the_reference_s(network, arrays, phones):
    text = network.read(*phones, None)
    assert torch.equal(text.lengths, arrays["x_lengths"])
    close(text.hidden.transpose(1, 2), arrays["enc_p_x"], 3e-5)
    close(text.mean.transpose(1, 2), arrays["enc_p_m"], 3e-5)
    close(text.log_std.transpose(1, 2), arrays["enc_p_logs"], 3e-5)
    close(network._log_durations(text, None, None).unsqueeze(1), arrays["logw"], 3e-5)


@pytest.mark.parametrize("item", [0, 1])
def test_speech_of_an_item_alone_is_the_reference_s(network, arrays, phones, item):
    ids, length = phones[0][item : item + 1, : phones[1][item]], phones[1][item : item + 1]
    text = network.read(ids, length, None)
    durations = network.foretell(text, None, seed=0, scale=1.0)
    frames = int(durations.sum())
    expected = {name[8:]: value for name, value in arrays.items() if name.startswith(f"single{item}_")}
    path = torch.arange(durations.shape[1]).repeat_interleave(durations[0])
    assert torch.equal(torch.nn.functional.one_hot(path).float(), expected["attn"][0, 0])
    noise = 0.667 * arrays["infer_noise"][item : item + 1, :, :frames].transpose(1, 2)
    moved = network.foretold_latent(text, durations, noise)
    close(moved.transpose(1, 2), expected["z_p"], 3e-5)
    mask = length_mask(durations.sum(1), frames)
    latent = network.flow.inverse(moved, mask)
    close(latent.transpose(1, 2), expected["z"], 3e-5)
    decoded = network.decoder(latent, mask, None)
    close(decoded.subbands, expected["wav_mb"], 1e-5)
    close(decoded.waveform, expected["wav"][:, 0], 1e-5)


def test_a_padded_batch_is_spoken_as_its_items_are_alone(network, arrays, phones, monkeypatch):
    noise = arrays["infer_noise"].transpose(1, 2)
    monkeypatch.setattr(vits2, "_noise", lambda lengths, channels, seed: noise[:, : int(lengths.max()), :channels])
    spoken = network.speak(*phones, speaker_ids=torch.zeros(2).long(), controls=Controls())
    for item, samples in enumerate(spoken.num_samples.tolist()):
        close(spoken.waveform[item, :samples], arrays[f"single{item}_wav"][0, 0].clamp(-1, 1), 1e-5)
        assert not spoken.waveform[item, samples:].any()


def test_posterior_and_flow_are_the_reference_s(network, arrays):
    mask = length_mask(arrays["y_lengths"], arrays["y"].shape[2])
    mean, log_std = network.posterior(arrays["y"].transpose(1, 2), mask)
    close(mean.transpose(1, 2), arrays["post_m_q"], 3e-5)
    close(log_std.transpose(1, 2), arrays["post_logs_q"], 3e-5)
    moved = network.flow(arrays["post_z"].transpose(1, 2), mask)
    close(moved.transpose(1, 2), arrays["post_z_p"], 3e-5)
    close(network.flow.inverse(moved, mask).transpose(1, 2), arrays["post_z"], 3e-5)


def test_a_training_step_is_the_reference_s(network, arrays, phones, monkeypatch):
    drawn = iter((arrays["train_enc_q_noise"].transpose(1, 2), arrays["train_mas_noise"]))
    monkeypatch.setattr(posterior_encoder.torch, "randn_like", lambda like: next(drawn))
    monkeypatch.setattr(posterior_encoder.torch, "rand", lambda size: arrays["train_slice_uniform"])
    frames = arrays["y_lengths"]
    batch = EndToEndBatch(("a", "b"), *phones, torch.zeros(2, 41 * 256), frames, torch.zeros(2).long())
    learned = network.learn_mel(batch, arrays["y"].transpose(1, 2), segment_frames=32, alignment_noise=0.01)
    assert torch.equal(learned.durations, arrays["train_attn"].sum(2)[:, 0].long())
    assert torch.equal(learned.starts, arrays["train_ids_slice"])
    close(learned.log_durations.unsqueeze(1), arrays["train_logw_"], 3e-5)
    close(learned.predicted.unsqueeze(1), arrays["train_logw"], 3e-5)
    close(learned.subbands, arrays["train_wav_mb"], 1e-5)
    close(learned.waveform, arrays["train_wav"][:, 0], 1e-5)
    torch.testing.assert_close(learned.duration, arrays["train_l_length"].sum(), rtol=1e-5, atol=0)
    torch.testing.assert_close(learned.divergence, arrays["train_kl"], rtol=1e-5, atol=0)


def test_checkpoints_that_lack_a_part_or_have_another_are_refused(state):
    without = {name: tensor for name, tensor in state.items() if not name.startswith("flow.")}
    with pytest.raises(CheckpointError, match=r"flow\.\* is missing"):
        converted(without)
    with pytest.raises(CheckpointError, match=r"sdp\.weight is left over"):
        converted({**state, "sdp.weight": torch.zeros(1)})
