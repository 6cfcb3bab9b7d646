"""VocGAN generators of github.com/rishikksh20/VocGAN: of its branch baseline (`published`) and of master (`light`).

Its mel is Tacotron 2's: 22,050 Hz, windows of 1,024 every 256 samples, centred, 80 bands from 0 to 8,000 Hz, natural
logarithm. What it saves beside them, discriminators among it, has no counterpart here: they join waveform and mel in
time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

from tts.config import build
from tts.imports.layout import Given, Layout, Understood, Weights, renamed
from tts.imports.mels import HPARAMS, tacotron2_mel
from tts.imports.weight_norm import folded
from tts.interfaces import Inventory
from tts.vocoders.vocgan import Config

_FIRST_SKIP, _FIRST_HEAD = 2, 1  # stages, counted from 0
_BLOCK = (("dilated", "block.2"), ("mixed", "block.4"), ("shortcut", "shortcut"))


def recognises(state: Mapping[str, Tensor]) -> bool:
    """By its first upsampling, its first skip and its first shortcut."""
    return {"upsample_1.1.bias", "skip_upsample_1.bias", "res_stack_1.0.shortcut.bias"} <= state.keys()


def understand(state: Weights, given: Given) -> Understood:
    """Config and mel from shapes and, where it is given, the audio of the public config.yaml."""
    plain = Weights(folded(state))
    ups = [plain[f"upsample_{stage + 1}.1.weight"] for stage in range(_highest(state, r"upsample_(\d+)\."))]
    n_mels = plain["start.1.weight"].shape[1]
    model = {
        "channels": len(plain["upsample_1.1.bias"]),
        "upsample_rates": [each.shape[2] // 2 for each in ups],
        "blocks": 1 + _highest(state, r"res_stack_1\.(\d+)\."),
        "nested": any(name.startswith("sub_out_") for name in state),
        "mels": n_mels,
    }
    mel = tacotron2_mel(n_mels, **given.settings(HPARAMS, "audio"))
    return Understood(build(Config, model, where="vocgan_rishikksh20"), Inventory(mel=mel))


def converted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by our names, weight norm folded or not, as it was.

    Raises:
        CheckpointError: tensors are missing or left over; names the first five.
    """
    return renamed(state, _modules(state))


def _modules(state: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
    """Our name and theirs of every module that the numbers of stages and blocks make."""
    num_stages, num_blocks = _highest(state, r"upsample_(\d+)\."), 1 + _highest(state, r"res_stack_1\.(\d+)\.")
    yield from (("start.conv", "start.1"), ("out.conv", "out.2"))
    for stage in range(num_stages):
        yield f"stages.{stage}.upsample", f"upsample_{stage + 1}.1"
        if stage >= _FIRST_SKIP:
            yield f"stages.{stage}.skip", f"skip_upsample_{stage + 1 - _FIRST_SKIP}"
        for block in range(num_blocks):
            yield from ((f"stages.{stage}.blocks.{block}.{a}", f"res_stack_{stage + 1}.{block}.{b}") for a, b in _BLOCK)
    if any(name.startswith("sub_out_") for name in state):
        for head in range(num_stages - 1 - _FIRST_HEAD):
            yield f"heads.{head}.conv", f"sub_out_{head + 1}.2"


def _highest(state: Mapping[str, Tensor], pattern: str) -> int:
    found = [re.match(pattern, name) for name in state]
    return max((int(each[1]) for each in found if each), default=-1)


LAYOUT = Layout("vocgan_rishikksh20", "vocoders/vocgan", recognises, understand, converted)
