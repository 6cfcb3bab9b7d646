"""Presets of vocoders: what they say is published is what the systems publish, and every run can learn."""

import pytest
import torch
from conftest import ROOT
from torch import nn

from pipeline.params import load_params
from tts.config import build
from tts.interfaces import Inventory, VocoderBatch
from tts.registry import SYSTEMS, load_system
from tts.training.tasks import AdversarialTask, GeneratorTask, SupervisedTask

PUBLISHED = {
    "hifigan_v1": "v1",
    "hifigan_v2": "v2",
    "hifigan_v3": "v3",
    "fullband_melgan": "full_band",
    "vocgan_light": "light",
    "wavegan_mel": "mel",
}
"""Configurations of runs that are not called published."""


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    """Params of both presets by name."""
    found = {}
    for name in ("ljspeech_vocoders", "demo_vocoders"):
        folder = tmp_path_factory.mktemp(name)
        (folder / "params.yaml").write_bytes((ROOT / "presets" / f"{name}.yaml").read_bytes())
        found[name] = load_params(folder)
    return found


def task_of(run, mel):
    """A run's task with weights that nobody set, which saves the seconds that setting them takes."""
    system = load_system(run.system)
    with torch.device("meta"):
        network = system.build(build(system.config, run.model, where="model"), Inventory(mel=mel))
    network.to_empty(device="cpu")
    if run.adversary is not None:
        return AdversarialTask(network, nn.Linear(1, 1), run)
    return (SupervisedTask if system.task == "supervised" else GeneratorTask)(network, run)


def learnable():
    """Names of the vocoders that have something to learn."""
    return {name for name, kind in SYSTEMS.items() if kind == "vocoder" and load_system(name).task}


def test_published_runs_have_published_sizes(params):
    runs = params["ljspeech_vocoders"].runs
    assert {run.system for run in runs.values()} | {"vocoders/neural_griffin_lim"} == learnable()
    for name, run in runs.items():
        system = load_system(run.system)
        published = system.configurations[PUBLISHED.get(name, "published")]
        assert build(system.config, run.model, where=name) == published, name


def test_the_demo_trains_every_vocoder_that_is_told_a_mel(params):
    demo = params["demo_vocoders"]
    assert {run.system for run in demo.runs.values()} == learnable()
    assert demo.run.vocoders.keys() == demo.runs.keys()


@pytest.mark.parametrize("preset", ["ljspeech_vocoders", "demo_vocoders"])
def test_loss_terms_of_every_run_have_their_weights(params, preset):
    mel = params[preset].audio
    batch = VocoderBatch(("one",), torch.zeros(1, mel.n_mels, 6), torch.zeros(1, 6 * mel.hop_length))
    for name, run in params[preset].runs.items():
        task = task_of(run, mel)
        told = [] if isinstance(task, SupervisedTask) else [batch.waveform]
        with torch.no_grad():
            terms = task.network.loss(batch, *told)
        assert terms.keys() == task._own_weights().keys(), name
        assert run.best_by in task.validation_terms
