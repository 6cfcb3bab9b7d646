"""VITS2 checkpoints of github.com/FENRlR/MB-iSTFT-VITS2, and of its forerunners where their layout is the same.

Their first symbol, id 0, is the blank, a vector of its own here and not among an Inventory's symbols. Their multi-band
decoder joins bands by the legacy pseudo-QMF: `pqmf: legacy`. Convolutions of width one are linear layers here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import Tensor

from tts.imports.layout import refuse_unfitting
from tts.imports.weight_norm import folded

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
