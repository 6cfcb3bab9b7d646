"""WV-MOS: its network is that of its weights' authors, and its file is read as tensors only."""

import numpy as np
import pytest
import torch

from tts.errors import CheckpointError
from tts.metrics.measurable import NotMeasurableError
from tts.metrics.wav2vec2 import LEAST_SAMPLES, Size, Wav2Vec2
from tts.metrics.wv_mos import WvMos, load_wv_mos, wv_mos

TINY = Size(channels=24, hidden=32, heads=4, layers=2, feed_forward=48, position_kernel=16, position_groups=4)
NOISE = np.random.default_rng(0).normal(0.1, 0.2, 8000).astype(np.float32)


def state(seed=0):
    """Tensors as published: below `model.`, with one that only training has."""
    torch.manual_seed(seed)
    own = {f"model.{name}": torch.randn_like(tensor) * 0.2 for name, tensor in WvMos(TINY).state_dict().items()}
    return own | {"model.encoder.masked_spec_embed": torch.zeros(32), "other.weight": torch.zeros(1)}


def saved(path, tensors):
    torch.save({"state_dict": tensors, "epoch": 3}, path)
    return load_wv_mos(path, TINY)


def opinion(network, waveform=NOISE):
    with torch.inference_mode():
        return float(network(torch.from_numpy(waveform)[None])[0])


def test_the_published_size_has_as_many_parameters_as_wav2vec2_base():
    with torch.device("meta"):
        network = Wav2Vec2(Size())
    assert sum(each.numel() for each in network.parameters()) == 94_371_712 - 768  # without the vector of masks


def test_level_and_offset_do_not_change_the_opinion(tmp_path):
    network = saved(tmp_path / "a.ckpt", state())
    assert opinion(network, 0.3 * NOISE - 0.2) == pytest.approx(opinion(network), abs=1e-4)
    assert opinion(network, NOISE[::-1].copy()) != pytest.approx(opinion(network), abs=1e-4)


def test_names_of_older_releases_of_torch_are_read_too(tmp_path):
    new = state()
    old = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in new.items()
    }
    assert old.keys() != new.keys()
    assert opinion(saved(tmp_path / "old.ckpt", old)) == opinion(saved(tmp_path / "new.ckpt", new))


def test_the_network_is_that_of_transformers(tmp_path):
    transformers = pytest.importorskip("transformers", reason="compares with the package transformers")
    config = transformers.Wav2Vec2Config(
        hidden_size=TINY.hidden,
        num_hidden_layers=TINY.layers,
        num_attention_heads=TINY.heads,
        intermediate_size=TINY.feed_forward,
        conv_dim=[TINY.channels] * 7,
        num_conv_pos_embeddings=TINY.position_kernel,
        num_conv_pos_embedding_groups=TINY.position_groups,
    )
    theirs, ours = transformers.Wav2Vec2Model(config).eval(), saved(tmp_path / "a.ckpt", state())
    theirs.load_state_dict(
        ours.encoder.state_dict() | {"masked_spec_embed": torch.zeros(TINY.hidden)},
    )
    normalized = torch.from_numpy((NOISE - NOISE.mean()) / np.sqrt(NOISE.var() + 1e-7))[None]
    with torch.inference_mode():
        expected = ours.dense(theirs(normalized).last_hidden_state).mean()
    assert opinion(ours) == pytest.approx(float(expected), abs=1e-5)


def test_the_shortest_clip_has_one_frame(tmp_path):
    network = saved(tmp_path / "a.ckpt", state())
    assert network.encoder(torch.randn(1, LEAST_SAMPLES)).shape == (1, 1, TINY.hidden)


@pytest.mark.parametrize("clip", [np.zeros(16000, np.float32), NOISE[:300]])
def test_silence_and_fragments_are_not_measurable(tmp_path, clip):
    with pytest.raises(NotMeasurableError, match="silent or shorter than 25 ms"):
        wv_mos(clip, 16000, tmp_path / "never read")


def test_without_weights_the_reason_says_where_they_are_named():
    with pytest.raises(NotMeasurableError, match=r"evaluate\.wv_mos in params\.yaml, or --wv-mos"):
        wv_mos(NOISE, 16000, None)


def test_files_that_are_no_weights_are_refused_in_one_line(tmp_path):
    with pytest.raises(CheckpointError, match=r"absent\.ckpt: cannot be read \(No such file"):
        load_wv_mos(tmp_path / "absent.ckpt", TINY)
    (tmp_path / "text.ckpt").write_text("<html>not found</html>")
    with pytest.raises(CheckpointError, match=r"text\.ckpt: does not hold the weights of WV-MOS"):
        load_wv_mos(tmp_path / "text.ckpt", TINY)
    lacking = state()
    del lacking["model.dense.0.bias"]
    with pytest.raises(CheckpointError, match=r"dense\.0\.bias"):
        saved(tmp_path / "lacking.ckpt", lacking)
    torch.save({"state_dict": state(), "code": pytest.fail}, tmp_path / "code.ckpt")
    with pytest.raises(CheckpointError, match=r"code\.ckpt: does not hold the weights"):
        load_wv_mos(tmp_path / "code.ckpt", TINY)
