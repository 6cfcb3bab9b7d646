"""Model folders, runs that start from them, and the registry."""

import dataclasses
import json

import pytest
import torch
from torch import nn
from toys import MEL_DEFINITION, ToyAcoustic, ToyVocoder

from tts.audio.mel_definition import MelDefinition
from tts.config import to_plain
from tts.errors import CheckpointError, ConfigError
from tts.interfaces import Inventory, System
from tts.models import load_model
from tts.phones import SILENCE
from tts.registry import SYSTEMS, load_system
from tts.training.export import export_model, read_model, restore
from tts.training.settings import ScheduleSettings
from tts.training.starting import start_from

TOY = System(
    kind="acoustic", config=ScheduleSettings, build=lambda _, inventory: ToyAcoustic(inventory), task="supervised"
)
TOY_VOCODER = System(
    kind="vocoder", config=ScheduleSettings, build=lambda _, inventory: ToyVocoder(inventory), task="adversarial"
)


def export(folder, network, inventory, **changes):
    folder.mkdir()
    values = {"system": "toy", "model": to_plain(ScheduleSettings()), "training": {"steps": 3}}
    export_model(folder, network, inventory=inventory, **{**values, **changes})
    return folder


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_an_export_gives_the_same_bytes_and_the_same_network(tmp_path, inventory):
    network = ToyAcoustic(inventory)
    folders = [export(tmp_path / name, network, inventory) for name in ("a", "b")]
    for name in ("model.safetensors", "config.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    saved = read_model(folders[0])
    assert saved.inventory == inventory
    restored, _ = restore(saved, TOY)
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in restored.state_dict().items())


def test_a_model_of_an_older_release_lacks_the_moments_of_linear_values_and_is_read(tmp_path, inventory):
    speakers = dict.fromkeys(inventory.speakers, 150.0)
    added = {"pitch_hz_mean": speakers, "pitch_hz_std": speakers, "energy_linear_mean": 20.0, "energy_linear_std": 9.0}
    new = dataclasses.replace(inventory, statistics=dataclasses.replace(inventory.statistics, **added))
    folder = export(tmp_path / "model", ToyAcoustic(new), new)
    assert read_model(folder).inventory == new
    statistics = json.loads((folder / "config.json").read_text())["statistics"]
    edit_config(folder, statistics={key: value for key, value in statistics.items() if key not in added})
    found = read_model(folder).inventory.statistics
    assert (found.pitch_hz_mean, found.energy_linear_mean) == ({}, None)
    assert (found.pitch_mean, found.mel_std) == (inventory.statistics.pitch_mean, inventory.statistics.mel_std)


def test_weight_norm_is_folded_in_files_and_split_again_in_training(tmp_path, recordings):
    inventory = Inventory(mel=recordings.mel_definition)
    network = ToyVocoder(inventory).eval()
    folder = export(tmp_path / "model", network, inventory)
    saved = read_model(folder)
    assert sorted(saved.tensors) == ["conv.bias", "conv.weight"]
    started = ToyVocoder(inventory).eval()
    start_from(started, saved, system="toy", inventory=inventory)
    restored, _ = restore(saved, TOY_VOCODER)
    mel = torch.randn(1, 8, 20)
    for other in (started, restored.eval()):
        assert torch.allclose(network(mel), other(mel), atol=1e-6)
    assert "conv.parametrizations.weight.original0" in dict(started.named_parameters())


@pytest.mark.parametrize("version", [2, 0, -1, "1", None])
def test_a_model_of_a_newer_release_is_refused(tmp_path, inventory, version):
    folder = export(tmp_path / "model", ToyAcoustic(inventory), inventory)
    edit_config(folder, format_version=version)
    with pytest.raises(CheckpointError, match=rf"format_version {version} is unknown here .*update the toolkit"):
        read_model(folder)


def test_an_unknown_system_is_refused(tmp_path, inventory):
    with pytest.raises(CheckpointError, match="system 'toy' is unknown here"):
        load_model(export(tmp_path / "model", ToyAcoustic(inventory), inventory))


def test_tensors_that_do_not_fit_are_named(tmp_path, inventory):
    folder = export(tmp_path / "model", nn.Linear(3, 4), inventory)
    with pytest.raises(CheckpointError, match=r"bias is unknown; body\.0\.bias is missing.*and \d+ more"):
        restore(read_model(folder), TOY)
    network = ToyAcoustic(inventory)
    network.symbols = nn.Embedding(9, 8)
    other = export(tmp_path / "other", network, inventory)
    with pytest.raises(CheckpointError, match=r"symbols\.weight is \[9, 8\], expected \[4, 8\]"):
        restore(read_model(other), TOY)


def test_pickled_weights_are_refused(tmp_path, inventory):
    folder = export(tmp_path / "model", ToyAcoustic(inventory), inventory)
    torch.save({"a": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="pickled checkpoints are refused"):
        read_model(folder)
    with pytest.raises(CheckpointError, match=r"a model folder holds config\.json and model.safetensors"):
        read_model(tmp_path)


def test_a_run_takes_over_the_rows_of_names_it_knows(tmp_path, inventory):
    old = ToyAcoustic(inventory)
    saved = read_model(export(tmp_path / "model", old, inventory))
    changed = Inventory(mel=inventory.mel, symbols=("a", "n", SILENCE), speakers=("bob", "cay"), styles=())
    new = ToyAcoustic(changed)
    start_from(new, saved, system="toy", inventory=changed)
    assert torch.equal(new.speakers.weight[0], old.speakers.weight[1])
    assert torch.allclose(new.speakers.weight[1], old.speakers.weight.mean(dim=0))
    assert torch.equal(new.symbols.weight, old.symbols.weight[[0, 2, 3]])
    assert torch.equal(new.body[0].weight, old.body[0].weight)


def test_a_run_cannot_start_from_another_system_or_mel(tmp_path, inventory):
    saved = read_model(export(tmp_path / "model", ToyAcoustic(inventory), inventory))
    with pytest.raises(CheckpointError, match="a toy model cannot start a acoustic/other run"):
        start_from(ToyAcoustic(inventory), saved, system="acoustic/other", inventory=inventory)
    other = MelDefinition(**{**to_plain(MEL_DEFINITION), "hop_length": 32})
    with pytest.raises(ConfigError, match="hop_length 32 against 64"):
        start_from(ToyAcoustic(inventory), saved, system="toy", inventory=Inventory(mel=other))


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_is_where_its_name_says(name):
    assert load_system(name).kind == SYSTEMS[name]


def test_an_unknown_system_gets_a_hint():
    with pytest.raises(ConfigError, match="did you mean 'vocoders/hifigan'"):
        load_system("vocoders/hifigam")
