"""Trained models by folder, and how large they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tts.audio.mel_definition import MelDefinition
from tts.errors import CheckpointError
from tts.interfaces import Inventory, Kind, Statistics, System
from tts.phones import SILENCE
from tts.registry import SYSTEMS, load_system
from tts.training.export import read_model, restore


@dataclass(frozen=True)
class LoadedModel:
    """A trained model, ready to use.

    Attributes:
        system: its name, for example ``vocoders/vocos``.
        kind: what it turns into what.
        config: the Config it was built from.
        inventory: its mel definition, symbols, speakers, styles and statistics.
        network: in evaluation mode, without gradients.
    """

    system: str
    kind: Kind
    config: Any
    inventory: Inventory
    network: nn.Module


def load_model(directory: Path, *, device: torch.device | str = "cpu") -> LoadedModel:
    """Load what a run exported.

    Raises:
        CheckpointError: the folder is incomplete, from a newer release, of an unknown system, or its tensors do not
            fit the network.
    """
    saved = read_model(directory)
    if saved.system not in SYSTEMS:
        raise CheckpointError(f"{directory}: system {saved.system!r} is unknown here; update the toolkit to read it")
    system = load_system(saved.system)
    network, config = restore(saved, system)
    network = network.to(device).eval().requires_grad_(requires_grad=False)
    return LoadedModel(saved.system, system.kind, config, saved.inventory, network)


def load_kind(directory: Path, kind: Kind, *, device: torch.device | str = "cpu") -> LoadedModel:
    """Load what a run of a kind exported.

    Raises:
        CheckpointError: the folder cannot be read, or holds another kind of model.
    """
    model = load_model(directory, device=device)
    if model.kind != kind:
        raise CheckpointError(f"{directory}: holds {model.system}, not a model of kind {kind}; name another folder")
    return model


def count_parameters(system: System, configuration: str) -> int:
    """Trainable parameters of a configuration after weight-norm removal.

    Counted for the mel it is made for, one speaker, one style and the 361 symbols of github.com/ming024/FastSpeech2,
    as published counts are.
    """
    mel = system.mels.get(configuration, _PUBLISHED.mel)
    with torch.device("meta"), _Unfilled():  # some are gigabytes large
        network = system.build(system.configurations[configuration], dataclasses.replace(_PUBLISHED, mel=mel))
    kept = (each for name, each in network.named_parameters() if not name.endswith(_MAGNITUDE))
    return sum(parameter.numel() for parameter in kept if parameter.requires_grad)


_MAGNITUDE = "parametrizations.weight.original0"
"""What weight norm adds to a weight, and its removal takes away."""


class _Unfilled(TorchFunctionMode):
    """Parameters get shapes and no values: on the meta device torch computes initial ones in Python, for seconds."""

    def __torch_function__(
        self,
        function: Callable[..., object],
        types: Iterable[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Call a function of torch, unless all it does is to fill its first argument."""
        kwargs = kwargs or {}
        return (*args, *kwargs.values())[0] if function in _FILLING else function(*args, **kwargs)


_FILLING = {
    nn.init.kaiming_uniform_,
    nn.init.uniform_,
    nn.init.normal_,
    Tensor.uniform_,
    Tensor.normal_,
    torch.norm_except_dim,  # the magnitude that weight norm begins with, which is not counted
}


_PUBLISHED = Inventory(
    mel=MelDefinition(
        sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
    ),
    symbols=(SILENCE, *(f"phone {number}" for number in range(360))),
    speakers=("speaker",),
    styles=("style",),
    statistics=Statistics({"speaker": 5.0}, {"speaker": 0.3}, 0.0, 1.0, -5.0, 2.0),
)
