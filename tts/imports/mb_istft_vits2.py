"""VITS2 checkpoints of github.com/FENRlR/MB-iSTFT-VITS2, and of its forerunners where their layout is the same.

Their first symbol, id 0, is the blank, a vector of its own here and not among an Inventory's symbols. Their multi-band
decoder joins bands by the legacy pseudo-QMF: `pqmf: legacy`. Convolutions of width one are linear layers here.

Its mel: 22,050 Hz, windows of 1,024 every 256 samples, padded by 384 on both sides, squared magnitudes over 1e-6, 80
bands from 0 Hz to half the rate, natural logarithm. Its table of symbols is a file that each user edits, so that
symbols are named by their ids unless they are given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from tts.audio.mel_definition import MelDefinition
from tts.config import build
from tts.end_to_end.vits2 import Config
from tts.errors import CheckpointError
from tts.imports import residual_stacks, speakers, symbols
from tts.imports.layout import Given, Layout, Understood, Weights, refuse_unfitting
from tts.imports.mels import HPARAMS, tacotron2_mel
from tts.imports.weight_norm import folded
from tts.interfaces import Inventory

_NAME = "mb_istft_vits2"

_MODULES = ("symbols", "text", "prior", "posterior", "flow", "durations", "decoder")
_OPTIONAL = ("speakers", "duration_speaker")


def _counted(module: str, *, step: int, first: int = 0) -> Callable[[re.Match[str]], str]:
    """Number modules of ours that are every `step`-th of theirs, from their number `first` on."""
    return lambda found: f"{module}.{(int(found[1]) - first) // step}"


_RULES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"^enc_p\.emb\b", "symbols"),
    (r"^enc_p\.proj\b", "prior"),
    (r"^enc_p\.encoder\b", "text"),
    (r"^enc_q\b", "posterior"),
    (r"^emb_g\b", "speakers"),
    (r"^dec\b", "decoder"),
    (r"^decoder\.subband_conv_post\b", "decoder.conv_post"),
    (r"^decoder\.multistream_conv_post\b", "decoder.join.conv"),
    (r"^flow\.flows\.(\d+)", _counted("flow.couplings", step=2)),
    (r"\.pre_transformer\b", ".transformer"),
    (r"\battn_layers\.(\d+)\.emb_rel_k$", r"attentions.\1.near_keys"),
    (r"\battn_layers\.(\d+)\.emb_rel_v$", r"attentions.\1.near_values"),
    (r"\battn_layers\.(\d+)\.conv_q\b", r"attentions.\1.query"),
    (r"\battn_layers\.(\d+)\.conv_k\b", r"attentions.\1.key"),
    (r"\battn_layers\.(\d+)\.conv_v\b", r"attentions.\1.value"),
    (r"\battn_layers\.(\d+)\.conv_o\b", r"attentions.\1.output"),
    (r"\bffn_layers\.(\d+)\.conv_1\b", r"convolutions.\1.inner.convolution"),
    (r"\bffn_layers\.(\d+)\.conv_2\b", r"convolutions.\1.outer.convolution"),
    (r"\bnorm_layers_1\b", "attention_norms"),
    (r"\bnorm_layers_2\b", "convolution_norms"),
    (r"\bspk_emb_linear\b", "speaker"),
    (r"^(posterior|flow\.couplings\.\d+)\.enc\b", r"\1.stack"),
    (r"\bin_layers\.(\d+)", r"gates.\1.convolution"),
    (r"\bres_skip_layers\b", "outputs"),
    (r"\bcond_layer\b", "speaker"),
    (r"^(posterior|flow\.couplings\.\d+)\.pre\b", r"\1.enter"),
    (r"^(posterior)\.proj\b", r"\1.leave"),
    (r"^(flow\.couplings\.\d+)\.post\b", r"\1.leave"),
    (r"\.gamma$", ".weight"),
    (r"\.beta$", ".bias"),
)

_DETERMINISTIC: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"^dp\.conv_(\d)\b", lambda found: f"durations.convolutions.{int(found[1]) - 1}.convolution"),
    (r"^dp\.norm_(\d)\b", _counted("durations.norms", step=1, first=1)),
    (r"^dp\.proj\b", "durations.output"),
    (r"^dp\.cond\b", "duration_speaker"),
)

_STOCHASTIC: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"^dp\.(post_)?flows\.0\.m$", lambda found: f"durations.{_chain(found)}.shift"),
    (r"^dp\.(post_)?flows\.0\.logs$", lambda found: f"durations.{_chain(found)}.log_scale"),
    (
        r"^dp\.(post_)?flows\.(\d+)\b",
        lambda found: f"durations.{_chain(found)}.couplings.{(int(found[2]) - 1) // 2}",
    ),
    (r"^dp\.post_pre\b", "durations.duration"),
    (r"^dp\.post_proj\b", "durations.duration_leave"),
    (r"^dp\.post_convs\b", "durations.duration_convolutions"),
    (r"^dp\.cond\b", "durations.speaker"),
    (r"^dp\b", "durations"),
    (r"^(durations\S*)\.convs\b", r"\1.convolutions"),
    (r"\bconvs_sep\b", "depthwise"),
    (r"\bconvs_1x1\b", "pointwise"),
    (r"\bnorms_([12])\.(\d+)", lambda found: f"norms.{2 * int(found[2]) + int(found[1]) - 1}"),
    (r"^(durations\S*)\.pre\b", r"\1.enter"),
    (r"^(durations\S*)\.proj\b", r"\1.leave"),
)

_UNUSED = ("dec.updown_filter", "dec.stft.", "dec.reflection_pad.")
_WIDE = r"\.(convolution|conv_pre|conv_post|conv|convs[12]?\.\d+|ups\.\d+|depthwise\.\d+)\.weight$"
"""Weights of ours that are convolutions."""


def recognises(state: Mapping[str, Tensor]) -> bool:
    """By its text encoder, its posterior encoder and its decoder."""
    return {"enc_p.emb.weight", "enc_q.pre.weight", "dec.conv_pre.bias"} <= state.keys()


def understand(state: Weights, given: Given) -> Understood:
    """Config and Inventory from shapes and, where it is given, the public config.json."""
    plain = Weights(folded(state))
    mel = _mel(plain, given)
    notes = []
    if given.setting("model", default=None) is None:
        notes.append("rates, dilations, bands and iSTFT hop as published, since no config.json says otherwise")
    rows = len(plain["enc_p.emb.weight"])
    names = symbols.named(rows, given.symbols, [f"symbol{i}" for i in range(rows)], layout=_NAME)
    if given.symbols is None:
        notes.append("symbols are named by their ids, so that texts cannot be spoken; give their names (--symbols)")
    inventory = Inventory(
        mel=mel,
        symbols=names[1:],
        speakers=speakers.named(plain.get("emb_g.weight"), given.speakers, layout=_NAME),
        styles=("neutral",),
    )
    return Understood(build(Config, _model(plain, given), where=_NAME), inventory, tuple(notes))


def _mel(plain: Weights, given: Given) -> MelDefinition:
    bands = plain["enc_q.pre.weight"].shape[1]
    said = given.settings(HPARAMS, "data")
    mel = tacotron2_mel(bands, **{"f_max": None, "framing": "hifigan", "magnitude_epsilon": 1e-6, **said})
    if bands == mel.n_fft // 2 + 1:
        raise CheckpointError(
            f"{_NAME}: its posterior encoder hears {bands} bins of a linear spectrogram, ours hears mels; "
            "only models with use_mel_posterior_encoder can be imported"
        )
    return mel


def _model(plain: Weights, given: Given) -> dict[str, Any]:
    """The Config as plain values."""
    if not given.setting("data", "add_blank", default=True):
        raise CheckpointError(f"{_NAME}: a model without blanks (add_blank false) cannot be imported")
    kind = _decoder(plain)
    hidden = plain["enc_p.emb.weight"].shape[1]
    return {
        "decoder": kind,
        **_istft(plain, given, kind),
        "trunk": _trunk(plain, given, kind),
        "pqmf": "legacy" if kind == "mb_istft" else "pwg",
        "latent": len(plain["enc_q.proj.weight"]) // 2,
        "hidden": hidden,
        "text": _text(plain, given, hidden),
        "posterior": _gated(plain, "enc_q.enc"),
        "flow": _flow(plain, hidden),
        "durations": "stochastic" if "dp.post_pre.weight" in plain else "deterministic",
        "adversaries": _adversaries(given),
        "speaker": plain["emb_g.weight"].shape[1] if "emb_g.weight" in plain else Config().speaker,
        "speaker_in_text": "emb_g.weight" not in plain or "enc_p.encoder.spk_emb_linear.weight" in plain,
    }


def _decoder(plain: Weights) -> str:
    if "dec.multistream_conv_post.weight" in plain:
        return "ms_istft"
    if "dec.subband_conv_post.weight" in plain:
        return "mb_istft"
    return "hifigan" if len(plain["dec.conv_post.weight"]) == 1 else "istft"


def _istft(plain: Weights, given: Given, kind: str) -> dict[str, Any]:
    if kind == "hifigan":
        return {}
    hop = {"istft_hop": given.setting("model", "gen_istft_hop_size", default=4)}
    if kind == "istft":
        return {"istft_size": len(plain["dec.conv_post.weight"]) - 2, **hop}
    bands = given.setting("model", "subbands", default=4)
    if kind == "ms_istft":
        bands = plain["dec.multistream_conv_post.weight"].shape[1]
    return {"istft_size": len(plain["dec.subband_conv_post.weight"]) // bands - 2, **hop, "bands": bands}


def _trunk(plain: Weights, given: Given, kind: str) -> dict[str, Any]:
    if "dec.cond.weight" in plain:
        raise CheckpointError(f"{_NAME}: a decoder that adds the speaker (dec.cond) has no place here, ours scales")
    own = Weights({name[4:]: tensor for name, tensor in plain.items() if name.startswith("dec.")})
    kernels = [own[f"ups.{i}.weight"].shape[2] for i in range(own.count("ups"))]
    widening = 2 if kind in ("istft", "hifigan") else 4
    model = Given(given.setting("model", default={}))
    return {
        "channels": len(own["conv_pre.bias"]),
        "upsample_rates": model.setting("upsample_rates", default=[each // widening for each in kernels]),
        "upsample_kernels": kernels,
        **residual_stacks.sizes(own, model, layout=_NAME),
    }


def _text(plain: Weights, given: Given, hidden: int) -> dict[str, Any]:
    inner = plain["enc_p.encoder.ffn_layers.0.conv_1.weight"]
    return {
        "layers": plain.count("enc_p.encoder.attn_layers"),
        "heads": hidden // plain["enc_p.encoder.attn_layers.0.emb_rel_k"].shape[2],
        "filter": len(inner),
        "kernel": inner.shape[2],
        "dropout": given.setting("model", "p_dropout", default=0.1),
    }


def _gated(plain: Weights, name: str) -> dict[str, Any]:
    return {"layers": plain.count(f"{name}.in_layers"), "kernel": plain[f"{name}.in_layers.0.weight"].shape[2]}


def _flow(plain: Weights, hidden: int) -> dict[str, Any]:
    before, near = "flow.flows.0.pre_transformer", "flow.flows.0.pre_transformer.attn_layers.0.emb_rel_k"
    transformer = any(name.startswith(before) for name in plain)
    # Where FENRlR's other kinds of flows have weights, these have a reversal of channels.
    reversals = not any(re.match(r"flow\.flows\.\d*[13579]\.", name) for name in plain)
    gated = "flow.flows.0.enc.in_layers.0.weight" in plain
    if not (gated and reversals) or (transformer and near not in plain):
        raise CheckpointError(
            f"{_NAME}: its flows cannot be imported; only those of plain VITS or of transformer_flow_type pre_conv2 can"
        )
    heads = {"heads": hidden // plain[near].shape[2]} if transformer else {}
    couplings = (plain.count("flow.flows") + 1) // 2
    return {"couplings": couplings, **_gated(plain, "flow.flows.0.enc"), "transformer": transformer, **heads}


def _adversaries(given: Given) -> dict[str, Any]:
    if not given.setting("model", "use_duration_discriminator", default=True):
        return {"durations": None}
    published = given.setting("model", "duration_discriminator_type", default="dur_disc_2")
    return {"durations": "plain" if published == "dur_disc_1" else "normed"}


def _chain(found: re.Match[str]) -> str:
    return "posterior" if found[1] else "flow"


def converted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors by our names, weight norm folded.

    Raises:
        CheckpointError: a part is missing, or tensors are left over.
    """
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(_UNUSED)}
    rules = _RULES + (_STOCHASTIC if any(name.startswith("dp.post_pre.") for name in kept) else _DETERMINISTIC)
    names = {_renamed(name, rules): name for name in folded(kept)}
    owners = {name.partition(".")[0] for name in names}
    left = [theirs for ours, theirs in names.items() if ours.partition(".")[0] not in (*_MODULES, *_OPTIONAL)]
    refuse_unfitting([f"{each}.*" for each in _MODULES if each not in owners], left)
    plain = folded(kept)
    tensors = {ours: _shaped(ours, plain[theirs]) for ours, theirs in names.items()}
    table = tensors["symbols.weight"]
    return tensors | {"blank": table[0], "symbols.weight": table[1:]}


def _renamed(name: str, rules: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]) -> str:
    for pattern, ours in rules:
        name = re.sub(pattern, ours, name)
    return name


def _shaped(name: str, tensor: Tensor) -> Tensor:
    """Tensor of the shape that ours has: linear layers have no width, affine maps and near keys no broadcast axis."""
    if name.endswith((".near_keys", ".near_values")):
        return tensor.squeeze(0)
    if name.endswith((".shift", ".log_scale")):
        return tensor.squeeze(1)
    if tensor.dim() == 3 and not re.search(_WIDE, name):
        return tensor.squeeze(2)
    return tensor


LAYOUT = Layout(_NAME, "end_to_end/vits2", recognises, understand, converted)
