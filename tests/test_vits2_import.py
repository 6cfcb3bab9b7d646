"""Checkpoints of MB-iSTFT-VITS2's layout as models: sizes by shapes and config.json, names, sound, what is refused."""

import dataclasses
import json
import re

import numpy as np
import pytest
import torch
from conftest import SHARED
from test_conversion import taught
from test_imports import imported, json_file, written
from test_vits2 import MEL, VARIANTS

from pipeline.importing import Files
from tts.end_to_end import vits2
from tts.end_to_end.vits2 import Vits2
from tts.end_to_end_voice import EndToEndVoice
from tts.errors import CheckpointError, ConfigError, TextError
from tts.interfaces import Controls, Inventory
from tts.layers.adversaries import AdversariesConfig
from tts.layers.masking import length_mask
from tts.models import load_model
from tts.synthesis import Line

FIXTURE = SHARED / "golden" / "mb_istft_vits2_mini"
THEIR_MEL = dataclasses.replace(MEL, f_max=11025.0, magnitude_epsilon=1e-6)

KINDS = {
    name: dataclasses.replace(
        config,
        adversaries=AdversariesConfig(),
        speaker_in_decoder=False,
        blanks=True,
        pqmf="legacy" if name == "mb_istft" else "pwg",
    )
    for name, config in VARIANTS.items()
}
"""What a checkpoint can be, small."""


def _numbered(theirs, *, step=1, first=0):
    return lambda found: theirs.format(step * int(found[1]) + first)


_NAMES = (
    (r"^prior\b", "enc_p.proj"),
    (r"^text\.speaker\b", "enc_p.encoder.spk_emb_linear"),
    (r"^text\b", "enc_p.encoder"),
    (r"^posterior\b", "enc_q"),
    (r"^speakers\b", "emb_g"),
    (r"^decoder\.join\.conv\b", "dec.multistream_conv_post"),
    (r"^decoder\b", "dec"),
    (r"^flow\.couplings\.(\d+)", _numbered("flow.flows.{}", step=2)),
    (r"^durations\.convolutions\.(\d+)\.convolution\b", _numbered("dp.conv_{}", first=1)),
    (r"^durations\.norms\.(\d+)", _numbered("dp.norm_{}", first=1)),
    (r"^durations\.output\b", "dp.proj"),
    (r"^duration_speaker\b", "dp.cond"),
    (r"^durations\.(flow|posterior)\.shift\b", r"durations.\1.0.m"),
    (r"^durations\.(flow|posterior)\.log_scale\b", r"durations.\1.0.logs"),
    (r"(?<=^durations\.flow\.)couplings\.(\d+)", _numbered("{}", step=2, first=1)),
    (r"(?<=^durations\.posterior\.)couplings\.(\d+)", _numbered("{}", step=2, first=1)),
    (r"^durations\.flow\b", "dp.flows"),
    (r"^durations\.posterior\b", "dp.post_flows"),
    (r"^durations\.duration\b", "dp.post_pre"),
    (r"^durations\.duration_leave\b", "dp.post_proj"),
    (r"^durations\.duration_convolutions\b", "dp.post_convs"),
    (r"^durations\.speaker\b", "dp.cond"),
    (r"^durations\b", "dp"),
    (r"^(dp\S*)\.convolutions\b", r"\1.convs"),
    (r"\bdepthwise\b", "convs_sep"),
    (r"\bpointwise\b", "convs_1x1"),
    (r"\bnorms\.(\d+)", lambda found: f"norms_{int(found[1]) % 2 + 1}.{int(found[1]) // 2}"),
    (r"\.transformer\b", ".pre_transformer"),
    (r"\battentions\.(\d+)\.near_keys$", r"attn_layers.\1.emb_rel_k"),
    (r"\battentions\.(\d+)\.near_values$", r"attn_layers.\1.emb_rel_v"),
    (r"\battentions\.(\d+)\.([qkvo])(?:uery|ey|alue|utput)\b", r"attn_layers.\1.conv_\2"),
    (r"\bconvolutions\.(\d+)\.inner\.convolution\b", r"ffn_layers.\1.conv_1"),
    (r"\bconvolutions\.(\d+)\.outer\.convolution\b", r"ffn_layers.\1.conv_2"),
    (r"\battention_norms\b", "norm_layers_1"),
    (r"\bconvolution_norms\b", "norm_layers_2"),
    (r"\bstack\.gates\.(\d+)\.convolution\b", r"enc.in_layers.\1"),
    (r"\bstack\.outputs\b", "enc.res_skip_layers"),
    (r"\bstack\.speaker\b", "enc.cond_layer"),
    (r"^(enc_q|flow\S*|dp\S*)\.enter\b", r"\1.pre"),
    (r"^(enc_q|dp\S*)\.leave\b", r"\1.proj"),
    (r"^(flow\S*)\.leave\b", r"\1.post"),
    (r"(norm\S*)\.weight$", r"\1.gamma"),
    (r"(norm\S*)\.bias$", r"\1.beta"),
    (r"parametrizations\.weight\.original0$", "weight_g"),
    (r"parametrizations\.weight\.original1$", "weight_v"),
)


def published(network):
    """Tensors of a network of ours, weight norm as it is, by their names and of their shapes."""
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    table = torch.cat((state.pop("blank")[None], state.pop("symbols.weight")))
    theirs = {_name(name, network.settings.decoder): _shape(name, tensor) for name, tensor in state.items()}
    return theirs | {"enc_p.emb.weight": table}


def _name(name, decoder):
    for pattern, theirs in _NAMES:
        name = re.sub(pattern, theirs, name)
    return name.replace("dec.conv_post", "dec.subband_conv_post") if decoder in ("mb_istft", "ms_istft") else name


def _shape(name, tensor):
    if name.endswith((".near_keys", ".near_values")):
        return tensor[None]
    if name.endswith((".shift", ".log_scale")):
        return tensor[:, None]
    kept = name.startswith(("speakers.", "text.speaker."))
    return tensor[..., None] if tensor.dim() == 2 and not kept else tensor


def public_config(config):
    """config.json of a model, where shapes do not say it."""
    return {
        "data": {"sampling_rate": 22050, "mel_fmin": 0.0, "mel_fmax": None, "add_blank": True},
        "model": {
            "upsample_rates": list(config.trunk.upsample_rates),
            "resblock_dilation_sizes": [list(each) for each in config.trunk.resblock_dilations],
            "gen_istft_hop_size": config.istft_hop,
            "subbands": config.bands if config.decoder == "mb_istft" else False,
            "use_duration_discriminator": True,
            "duration_discriminator_type": "dur_disc_2",
        },
    }


def network_of(kind, speakers):
    torch.manual_seed(2)
    names = tuple(f"symbol{i}" for i in range(1, 9))
    inventory = Inventory(mel=THEIR_MEL, symbols=names, speakers=speakers, styles=("neutral",))
    return taught(Vits2(KINDS[kind], inventory))


def files_of(folder, network, *, speakers=None, config=None, state=None):
    """Files of a network as it would be published."""
    weights = written(folder / "G_1.pth", {"model": state or published(network), "iteration": 1, "learning_rate": 2e-4})
    return Files(
        weights,
        config=(json_file(folder / "config.json", config or public_config(network.settings)),),
        speakers=json_file(folder / "speakers.json", speakers) if speakers else None,
    )


def spoken(network):
    phones, lengths = torch.tensor([[0, 3, 1, 7, 2]]), torch.tensor([5])
    with torch.inference_mode():
        speaker = torch.tensor([1 if network.speakers else 0])
        return network.speak(phones, lengths, speaker_ids=speaker, controls=Controls()).waveform


@pytest.mark.parametrize(
    ("kind", "speakers"),
    [("mb_istft", 103), ("ms_istft", 2), ("istft", 2), ("istft", 1), ("hifigan", 1)],
)
def test_a_model_comes_back_as_it_was_published(tmp_path, kind, speakers):
    names = [f"p{i}" for i in range(speakers)] if speakers > 1 else None
    network = network_of(kind, tuple(names or ("speaker",)))
    found = imported(files_of(tmp_path, network, speakers=names), tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert found.layout.name == "mb_istft_vits2"
    told = {} if names else {"speaker": vits2.Config().speaker}  # no tensor says it
    assert loaded.config == dataclasses.replace(network.settings, **told)
    assert loaded.inventory.mel == THEIR_MEL
    assert loaded.inventory.speakers == tuple(names or ("speaker",))
    torch.testing.assert_close(spoken(loaded.network), spoken(network), atol=1e-5, rtol=0)


def test_symbols_have_the_names_that_are_given_but_for_the_blank(tmp_path):
    network = network_of("mb_istft", ("speaker",))
    files = files_of(tmp_path, network)
    listed = tmp_path / "symbols.txt"
    listed.write_text("_\n \na\nb\nc\nd\ne\nf\ng\n", encoding="utf-8")
    imported(dataclasses.replace(files, symbols=listed), tmp_path / "model")
    voice = EndToEndVoice.load_one(tmp_path / "model")
    assert voice.inventory.symbols == ("space", "a", "b", "c", "d", "e", "f", "g")
    (speech,) = voice.speak([Line(("a", "space", "b"))])
    assert np.isfinite(speech.waveform).all()
    with pytest.raises(TextError, match="never heard the phone '_'"):
        voice.speak([Line(("_",))])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state, config: state.pop("dp.proj.weight"), r"durations\.output\.weight is missing"),
        (lambda state, config: state.update({"sdp.weight": torch.zeros(1)}), r"sdp\.weight is left over"),
        (
            lambda state, config: state.update({"enc_q.pre.weight": torch.zeros(16, 513, 1)}),
            "hears 513 bins of a linear spectrogram, ours hears mels",
        ),
        (
            lambda state, config: state.pop("flow.flows.0.pre_transformer.attn_layers.0.emb_rel_k"),
            "its flows cannot be imported; only those of plain VITS or of transformer_flow_type pre_conv2 can",
        ),
        (
            lambda state, config: state.update({"flow.flows.1.post.weight": torch.zeros(1)}),
            "its flows cannot be imported",
        ),
        (lambda state, config: state.update({"dec.cond.weight": torch.zeros(32, 8, 1)}), r"\(dec\.cond\) has no place"),
        (lambda state, config: config["data"].update(add_blank=False), "without blanks"),
        (lambda state, config: config["model"].update(upsample_rates=[8, 8]), "makes 1024 samples of a frame"),
        (lambda state, config: config["model"].pop("resblock_dilation_sizes"), r"give the config\.json that belongs"),
        (
            lambda state, config: state.update({"emb_g.weight": torch.zeros(5, 8)}),
            r"has 5 speakers; give the speakers\.json it was trained with",
        ),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, change, message):
    network = network_of("mb_istft", ("speaker",))
    state, config = published(network), public_config(network.settings)
    change(state, config)
    with pytest.raises((CheckpointError, ConfigError), match=message):
        imported(files_of(tmp_path, network, config=config, state=state), tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.skipif(not FIXTURE.exists(), reason=f"needs the reference outputs {FIXTURE}")
@pytest.mark.parametrize("with_config", [True, False])
def test_the_authors_own_weights_speak_as_theirs_do(tmp_path, monkeypatch, with_config):
    config = {"model": json.loads((FIXTURE / "config.json").read_text())["config"]}
    beside = (json_file(tmp_path / "config.json", config),) if with_config else ()
    found = imported(Files(FIXTURE / "state.safetensors", config=beside), tmp_path / "model")
    assert any("rates, dilations" in note for note in found.understood.notes) != with_config
    loaded = load_model(tmp_path / "model")
    assert loaded.config.pqmf == "legacy"
    with np.load(FIXTURE / "io.npz") as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    noise = arrays["infer_noise"].transpose(1, 2)
    monkeypatch.setattr(vits2, "_noise", lambda lengths, channels, seed: noise[:, : int(lengths.max()), :channels])
    phones, lengths = (arrays["x"][:, 1::2] - 1).clamp(min=0), (arrays["x_lengths"] - 1) // 2
    with torch.inference_mode():
        spoken = loaded.network.speak(phones, lengths, speaker_ids=torch.zeros(2).long(), controls=Controls())
        mask = length_mask(arrays["y_lengths"], arrays["y"].shape[2])
        mean, _ = loaded.network.posterior(arrays["y"].transpose(1, 2), mask)
    torch.testing.assert_close(mean.transpose(1, 2), arrays["post_m_q"], atol=3e-5, rtol=0)
    for item, samples in enumerate(spoken.num_samples.tolist()):
        expected = arrays[f"single{item}_wav"][0, 0].clamp(-1, 1)
        torch.testing.assert_close(spoken.waveform[item, :samples], expected, atol=1e-5, rtol=0)
