"""Our networks, written as the authors of public checkpoints write theirs."""

import re

import torch

from tts.acoustic import fastspeech2, tacotron2
from tts.audio.mel_definition import MelDefinition
from tts.config import build
from tts.imports import symbols
from tts.interfaces import Inventory, Statistics
from tts.layers.discriminators import DiscriminatorConfig, Discriminators
from tts.vocoders import hifigan

MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)
STATS = {"pitch": [-3.5, 6.0, 200.0, 50.0], "energy": [-1.5, 7.0, 40.0, 20.0]}
"""stats.json of ming024's preprocessing: least, greatest, mean, standard deviation."""

SMALL_HIFIGAN = hifigan.Config(
    channels=16, upsample_rates=(8, 8, 4), upsample_kernels=(16, 16, 8), resblock="2",
    resblock_kernels=(3, 5, 7), resblock_dilations=((1, 2), (2, 6), (3, 12)),
)  # fmt: skip

_NORM = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
_SPECTRAL = {
    "parametrizations.weight.original": "weight_orig",
    "parametrizations.weight.0._u": "weight_u",
    "parametrizations.weight.0._v": "weight_v",
}


def hifigan_generator(*, config=SMALL_HIFIGAN):
    """A generator whose norms are not those of its directions, and its tensors as jik876 has them."""
    torch.manual_seed(3)
    network = hifigan.HifiGan(config, Inventory(mel=MEL)).eval()
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if name.endswith("original0"):
                tensor.mul_(0.5 + torch.rand_like(tensor))
    return network, {_with(name, _NORM): tensor.clone() for name, tensor in network.state_dict().items()}


def hifigan_discriminators():
    """Discriminators of the published shape, and the content of a do_ file."""
    torch.manual_seed(4)
    network = Discriminators(DiscriminatorConfig()).eval()
    parts = {"mpd": {}, "msd": {}}
    for name, tensor in network.state_dict().items():
        _, number, rest = name.split(".", 2)
        part, index = ("mpd", int(number)) if int(number) < 5 else ("msd", int(number) - 5)
        spectral = part == "msd" and index == 0
        parts[part][f"discriminators.{index}.{_with(rest, _SPECTRAL if spectral else _NORM)}"] = tensor.clone()
    return network, {**parts, "optim_g": {"state": {}}, "optim_d": {"state": {}}, "steps": 7, "epoch": 1}


def ming024(*, speakers=("speaker",)):
    """FastSpeech 2 whose phones are all voiced, and its tensors as ming024 has them."""
    torch.manual_seed(5)
    network = fastspeech2.FastSpeech2(build(fastspeech2.Config, _SMALL_FASTSPEECH2, where="test"), _ming024(speakers))
    pitch = network.variance.pitch.predictor.output
    with torch.no_grad():
        pitch.weight[1] = 0
        pitch.bias[1] = 1
        network.variance.durations.output.bias.fill_(1.0)  # some frames for each phone
        for quantity in (network.variance.pitch, network.variance.energy):
            quantity.embedding.table.weight[-1] = 0
    return network.eval(), _ming024_state(network)


_PREDICTOR = {"filter": 12, "kernel": 3, "dropout": 0.5}
_STACK = {"layers": 2, "heads": 2, "filter": 24, "kernels": [9, 1], "dropout": 0.2}
_SMALL_FASTSPEECH2 = {
    "hidden": 16,
    "encoder": _STACK,
    "decoder": {**_STACK, "layers": 1},
    "variance": {
        "duration": _PREDICTOR,
        "pitch": {"target": "zscore", "bins": 16, "bin_range": STATS["pitch"][:2], "predictor": _PREDICTOR},
        "energy": {"target": "zscore", "bins": 16, "bin_range": STATS["energy"][:2], "predictor": _PREDICTOR},
    },
    "postnet": {"layers": 3, "hidden": 8, "kernel": 5},
}

_MING024 = (
    (r"^symbols\.", "encoder.src_word_emb."),
    (r"^speakers\.", "speaker_emb."),
    (r"^mel\.", "mel_linear."),
    (r"^(encoder|decoder)\.blocks\.(\d+)\.", r"\1.layer_stack.\2."),
    (r"sublayers\.0\.output\.", "slf_attn.fc."),
    (r"sublayers\.1\.expand\.convolution\.", "pos_ffn.w_1."),
    (r"sublayers\.1\.contract\.convolution\.", "pos_ffn.w_2."),
    (r"(stack\.\d+)\.norms\.0\.", r"\1.slf_attn.layer_norm."),
    (r"(stack\.\d+)\.norms\.1\.", r"\1.pos_ffn.layer_norm."),
    (r"^variance\.durations\.", "variance_adaptor.duration_predictor."),
    (r"^variance\.(pitch|energy)\.predictor\.", r"variance_adaptor.\1_predictor."),
    (r"^variance\.(pitch|energy)\.embedding\.table\.", r"variance_adaptor.\1_embedding."),
    (r"predictor\.output\.", "predictor.linear_layer."),
    (r"predictor\.convolutions\.0\.convolution\.", "predictor.conv_layer.conv1d_1.conv."),
    (r"predictor\.convolutions\.1\.convolution\.", "predictor.conv_layer.conv1d_2.conv."),
    (r"predictor\.norms\.0\.", "predictor.conv_layer.layer_norm_1."),
    (r"predictor\.norms\.1\.", "predictor.conv_layer.layer_norm_2."),
    (r"^postnet\.convolutions\.(\d+)\.convolution\.", r"postnet.convolutions.\1.0.conv."),
    (r"^postnet\.norms\.(\d+)\.", r"postnet.convolutions.\1.1."),
)


def _ming024_state(network):
    theirs = {}
    for name, tensor in network.state_dict().items():
        new, value = _renamed(name, _MING024), tensor.clone()
        if "projections" in new:
            for part, each in zip("qkv", value.chunk(3), strict=True):
                theirs[new.replace("sublayers.0.projections", f"slf_attn.w_{part}s")] = each.clone()
            continue
        if new.endswith("_embedding.weight"):
            value = value[:-1]
        if new.startswith("variance_adaptor.pitch_predictor.linear_layer"):
            value = value[:1]
        theirs[new] = value.clone()
    for stack in ("encoder", "decoder"):
        theirs[f"{stack}.position_enc"] = torch.zeros(1, 1001, 16)
    for name in ("pitch", "energy"):
        theirs[f"variance_adaptor.{name}_bins"] = torch.linspace(*STATS[name][:2], 15)
    return theirs


def _ming024(speakers):
    (pitch, pitch_std), (energy, energy_std) = STATS["pitch"][2:], STATS["energy"][2:]
    return Inventory(
        mel=MEL,
        symbols=symbols.ming024(),
        speakers=speakers,
        styles=("neutral",),
        statistics=Statistics(
            dict.fromkeys(speakers, 5.0), dict.fromkeys(speakers, 0.2), 3.0, 1.0, 0.0, 1.0,
            pitch_hz_mean=dict.fromkeys(speakers, pitch), pitch_hz_std=dict.fromkeys(speakers, pitch_std),
            energy_linear_mean=energy, energy_linear_std=energy_std,
        ),
    )  # fmt: skip


_SMALL_TACOTRON2 = {
    "encoder": {"hidden": 12, "layers": 2, "kernel": 5},
    "decoder": {
        "prenet": [8, 8],
        "attention_rnn": 10,
        "rnn": 14,
        "attention": {"hidden": 6, "filters": 4, "kernel": 7},
    },
    "postnet": {"hidden": 8, "layers": 3, "kernel": 5},
    "speaking": {"gate_threshold": 0.6, "max_frames_per_phone": 40},
}
_SMALL_VAE = {
    "reference": {"filters": [2, 4], "hidden": 6, "coordinates": True, "scrambled": True},
    "dims": 5,
}

_TACOTRON2 = (
    (r"^encoder\.rnn\.", "encoder.lstm."),
    (r"^decoder\.rnn\.(\w+)_l0$", r"decoder.decoder_rnn.\1"),
    (r"^decoder\.mel\.", "decoder.linear_projection.linear_layer."),
    (r"^decoder\.gate\.", "decoder.gate_layer.linear_layer."),
    (r"attention\.(query|memory)\.", r"attention_layer.\1_layer.linear_layer."),
    (r"attention\.energy\.", "attention_layer.v.linear_layer."),
    (r"attention\.places\.", "attention_layer.location_layer.location_conv.conv."),
    (r"attention\.location\.", "attention_layer.location_layer.location_dense.linear_layer."),
    (r"prenet\.layers\.(\d+)\.", r"prenet.layers.\1.linear_layer."),
    (r"^(encoder|postnet)\.convolutions\.(\d+)\.convolution\.", r"\1.convolutions.\2.0.conv."),
    (r"^(encoder|postnet)\.norms\.(\d+)\.", r"\1.convolutions.\2.1."),
    (r"^style\.reference\.convolutions\.0\.", "vae_gst.ref_encoder.convs.0.conv."),
    (r"^style\.reference\.convolutions\.(\d+)\.", r"vae_gst.ref_encoder.convs.\1."),
    (r"^style\.reference\.norms\.", "vae_gst.ref_encoder.bns."),
    (r"^style\.reference\.gru\.", "vae_gst.ref_encoder.gru."),
    (r"^style\.mean\.", "vae_gst.fc1."),
    (r"^style\.log_variance\.", "vae_gst.fc2."),
    (r"^style\.output\.", "vae_gst.fc3."),
)


def nvidia():
    """Tacotron 2, and its tensors as NVIDIA has them."""
    network = _tacotron2(symbols.nvidia(), {})
    return network, _tacotron2_state(network, "embedding")


def jinhan():
    """Tacotron 2-VAE, and its tensors as jinhan has them, with those that are never used."""
    network = _tacotron2(symbols.jinhan(), {"style": "vae", "vae": _SMALL_VAE})
    theirs = _tacotron2_state(network, "transcript_embedding")
    del theirs["styles.weight"], theirs["styles.deviation"]
    unused = ("speaker_embedding.weight", "emotion_embedding.linear_layer.weight", "vae_gst.ref_encoder.convs.0.bias")
    return network, theirs | {name: torch.zeros(3) for name in unused}


def _tacotron2(table, more):
    torch.manual_seed(6)
    config = build(tacotron2.Config, {**_SMALL_TACOTRON2, **more}, where="test")
    statistics = Statistics({"speaker": 0.0}, {"speaker": 1.0}, 0.0, 1.0, mel_mean=0.0, mel_std=1.0)
    inventory = Inventory(mel=MEL, symbols=table, speakers=("speaker",), styles=("neutral",), statistics=statistics)
    return tacotron2.Tacotron2(config, inventory).eval()


def _tacotron2_state(network, table):
    renames = ((r"^symbols\.", f"{table}."), *_TACOTRON2)
    return {_renamed(name, renames): tensor.clone() for name, tensor in network.state_dict().items()}


def _renamed(name, renames):
    for pattern, replacement in renames:
        name = re.sub(pattern, replacement, name)
    return name


def _with(name, endings):
    for ours, theirs in endings.items():
        name = re.sub(rf"{re.escape(ours)}$", theirs, name)
    return name
