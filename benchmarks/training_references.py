"""The training steps of the public implementations, from their own networks, losses and optimizers in a checkout.

Their loops are written anew after their settings, because theirs read data sets, write logs and, in the case of
HiFi-GAN, want a GPU; what happens between the reading of a batch and the next is the same.
"""

from __future__ import annotations

import importlib
import itertools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock
from unittest.mock import MagicMock

import numpy as np
import torch
import yaml
from feature_reading import Clips
from torch import Tensor
from torch.nn import functional as F

from tts.data.shards import pad
from tts.interfaces import VocoderBatch

_GROUP = 4
"""Batches that the FastSpeech 2 reference sorts by length together."""

_OF_TEXTS = ("unidecode", "inflect")
"""What a checkout imports to read texts, which is not done here."""

_MARKS = {"fastspeech2": "preprocessor", "hifigan": "config_v1.json"}


def find(checkouts: Sequence[Path]) -> dict[str, Path]:
    """Tell which checkout is which.

    Raises:
        SystemExit: a folder is neither.
    """
    found = {}
    for checkout in checkouts:
        names = [name for name, mark in _MARKS.items() if (checkout / mark).exists()]
        if not names:
            raise SystemExit(f"--reference {checkout}: neither ming024/FastSpeech2 nor jik876/hifi-gan")
        found[names[0]] = checkout
    return found


class FastSpeech2Reference:
    """Steps of github.com/ming024/FastSpeech2 with its LJSpeech settings."""

    def __init__(
        self, checkout: Path, folder: Path, clips: Clips, size: int, device: torch.device, precision: str
    ) -> None:
        read = {
            name: yaml.safe_load((checkout / "config" / "LJSpeech" / f"{name}.yaml").read_text(encoding="utf-8"))
            for name in ("preprocess", "model", "train")
        }
        preprocess, settings, train = read["preprocess"], read["model"], read["train"]
        preprocess["path"]["preprocessed_path"] = str(folder)
        moments = {"pitch": [-3, 3, 0, 1], "energy": [-3, 3, 0, 1]}
        (folder / "stats.json").write_text(json.dumps(moments), encoding="utf-8")
        modules = imported(checkout, "model")
        self._network = modules["model"].FastSpeech2(preprocess, settings).to(device).train()
        self._loss = modules["model"].FastSpeech2Loss(preprocess, settings).to(device)
        self._optimizer = modules["model"].ScheduledOptim(self._network, train, settings, 0)
        self._clip = train["optimizer"]["grad_clip_thresh"]
        self._batches = _in_groups(clips, size)
        self._device, self._precision = device, precision

    def step(self) -> int:
        """Make one, and give its frames of speech without padding."""
        batch = [each.to(self._device) if isinstance(each, Tensor) else each for each in next(self._batches)]
        with _autocast(self._device, self._precision):
            output = self._network(*batch[2:])
            loss = self._loss(batch, output)[0]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), self._clip)
        self._optimizer.step_and_update_lr()
        self._optimizer.zero_grad()
        return int(batch[7].sum())


def _in_groups(clips: Clips, size: int) -> Iterator[tuple[Any, ...]]:
    """Batches as its collate function makes them: of 64 clips at random, sorted by phones, 16 at a time."""
    draw = np.random.default_rng(0)
    while True:
        order = draw.permutation(sorted(clips.frames)).tolist()
        for start in range(0, len(order) - _GROUP * size + 1, _GROUP * size):
            group = sorted(order[start : start + _GROUP * size], key=lambda name: -len(clips.phones(name)))
            for first in range(0, len(group), size):
                yield _batch(clips, group[first : first + size])


def _batch(clips: Clips, ids: Sequence[str]) -> tuple[Any, ...]:
    arrays = [clips.arrays(name) for name in ids]
    phones = [clips.phones(name) + 1 for name in ids]
    padded = {kind: torch.from_numpy(pad([each[kind] for each in arrays])) for kind in arrays[0]}
    phone_lengths, frame_lengths = ([len(each) for each in kind] for kind in (phones, [a["mel"] for a in arrays]))
    return (
        ids,
        ids,
        torch.zeros(len(ids), dtype=torch.int64),
        torch.from_numpy(pad(phones)),
        torch.tensor(phone_lengths),
        max(phone_lengths),
        padded["mel"],
        torch.tensor(frame_lengths),
        max(frame_lengths),
        (padded["pitch"] - 190) / 63,
        (padded["energy"] - 45) / 26,
        padded["durations"].long(),
    )


class HifiGanReference:
    """Steps of github.com/jik876/hifi-gan with the settings of a version."""

    def __init__(
        self, checkout: Path, version: str, make: Callable[[int], VocoderBatch], device: torch.device, precision: str
    ) -> None:
        settings = SimpleNamespace(**json.loads((checkout / f"config_{version}.json").read_text(encoding="utf-8")))
        modules = imported(checkout, "models", "meldataset")
        models, self._mel = modules["models"], modules["meldataset"].mel_spectrogram
        self._models, self._settings = models, settings
        self._generator = models.Generator(settings).to(device).train()
        self._panels = models.MultiPeriodDiscriminator().to(device), models.MultiScaleDiscriminator().to(device)
        rate, betas = settings.learning_rate, (settings.adam_b1, settings.adam_b2)
        self._own = torch.optim.AdamW(self._generator.parameters(), rate, betas=betas)
        judges = itertools.chain(*(panel.parameters() for panel in self._panels))
        self._others = torch.optim.AdamW(judges, rate, betas=betas)
        self._batches = map(make, itertools.count())
        self._device, self._precision = device, precision

    def step(self) -> int:
        """Make one of the discriminators and one of the generator, and give its frames of speech."""
        batch = next(self._batches).to(self._device)
        real = batch.waveform.unsqueeze(1)
        wanted = self._log_mel(batch.waveform)
        with _autocast(self._device, self._precision):
            fake = self._generator(batch.mel)
        got = self._log_mel(fake.squeeze(1).float())
        self._others.zero_grad()
        with _autocast(self._device, self._precision):
            judged = [panel(real, fake.detach()) for panel in self._panels]
            price = sum(self._models.discriminator_loss(true, false)[0] for true, false, _, _ in judged)
        price.backward()
        self._others.step()
        self._own.zero_grad()
        with _autocast(self._device, self._precision):
            judged = [panel(real, fake) for panel in self._panels]
            matching = sum(self._models.feature_loss(true, false) for _, _, true, false in judged)
            fooling = sum(self._models.generator_loss(false)[0] for _, false, _, _ in judged)
            loss = fooling + matching + 45 * F.l1_loss(wanted, got)
        loss.backward()
        self._own.step()
        return batch.mel.shape[0] * batch.mel.shape[2]

    def _log_mel(self, waveform: Tensor) -> Tensor:
        each = self._settings
        mel: Tensor
        with mock.patch.object(torch, "stft", _real_stft):
            mel = self._mel(
                waveform,
                each.n_fft,
                each.num_mels,
                each.sampling_rate,
                each.hop_size,
                each.win_size,
                each.fmin,
                each.fmax_for_loss,
            )
        return mel


def _autocast(device: torch.device, precision: str) -> torch.autocast:
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    return torch.autocast(device.type, dtype, enabled=dtype is not None)


_complex_stft = torch.stft


def _real_stft(*arguments: Any, **options: Any) -> Tensor:  # noqa: ANN401 - torch.stft's own
    """What torch.stft gave without `return_complex` when the references were written."""
    return torch.view_as_real(_complex_stft(*arguments, **options, return_complex=True))


def imported(checkout: Path, *names: str) -> Mapping[str, ModuleType]:
    """Modules of a checkout, which afterwards are in nobody's way: both checkouts have modules of the same names."""
    import librosa.filters

    mel = librosa.filters.mel
    today = mock.patch.object(
        librosa.filters,
        "mel",
        lambda sr, n_fft, n_mels, low, high: mel(sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=low, fmax=high),
    )
    stand_ins = {name: MagicMock() for name in _OF_TEXTS if name not in sys.modules}
    with mock.patch.object(sys, "path", [str(checkout), *sys.path]), today:
        sys.modules.update(stand_ins)
        modules = {name: importlib.import_module(name) for name in names}
    for name, module in list(sys.modules.items()):
        places = [str(vars(module).get("__file__")), *vars(module).get("__path__", [])]
        if name in stand_ins or any(place.startswith(str(checkout)) for place in places):
            del sys.modules[name]
    return modules
