"""New voices from a model of others: where their rows start, what stays frozen, and that other speakers' rows stay."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import test_attentive
import test_fastspeech
import test_fastspeech2
import torch
from test_end_to_end_training import MODEL, OWN, end_to_end_run, run_settings
from test_models import export
from toys import ToyAcoustic, acoustic_run, settings

from pipeline.params import load_params
from pipeline.paths import Paths
from pipeline.training import content_of, read_run
from pipeline.yaml import read_yaml
from tts.config import to_plain
from tts.data.speaker_vectors import SpeakerVectorTable
from tts.data.tables import SPEAKERS, VECTORS, read_table, write_table
from tts.errors import ConfigError, DataError
from tts.interfaces import SPEAKER_VECTOR_SIZE, Controls
from tts.registry import SYSTEMS, load_system
from tts.training.export import read_model
from tts.training.freezing import Freezing
from tts.training.ridge import fit_map
from tts.training.settings import Freeze
from tts.training.speaker_init import SpeakerStart, new_rows
from tts.training.starting import start_from

KNOWN = {"ann": torch.tensor([1.0, 0.0, 4.0]), "bob": torch.tensor([3.0, 0.0, 8.0]), "cay": torch.tensor([5.0, 0, 0])}
FRESH = {"eve": torch.tensor([0.1, 0.2, 0.3])}
MEAN = torch.tensor([3.0, 0.0, 4.0])


def row_of_eve(method, known=None, **about):
    return new_rows(known or KNOWN, FRESH, SpeakerStart(method=method, **about))["eve"]


def axis(index, lean=0.0):
    vector = np.zeros(SPEAKER_VECTOR_SIZE, np.float32)
    vector[[index, index + 1]] = np.cos(lean), np.sin(lean)
    return vector


class TestRows:
    def test_the_mean_is_that_of_all_and_random_is_as_built(self):
        assert torch.equal(row_of_eve("mean"), MEAN)
        assert torch.equal(row_of_eve("random"), FRESH["eve"])

    def test_noise_is_as_wide_as_known_rows_are_spread_and_follows_seed_and_name(self):
        names = [f"new {number}" for number in range(1000)]
        fresh = dict.fromkeys(names, torch.zeros(3))
        start = SpeakerStart(method="mean_noise", seed=7)
        rows = torch.stack(list(new_rows(KNOWN, fresh, start).values()))
        spread = torch.stack(list(KNOWN.values())).std(dim=0, correction=0)
        torch.testing.assert_close(rows.mean(dim=0), MEAN, atol=0.4, rtol=0)
        torch.testing.assert_close(rows.std(dim=0), spread, atol=0.0, rtol=0.1)
        assert torch.equal(rows[:, 1], torch.zeros(1000)), "known rows agree there"
        alone = new_rows(KNOWN, {"new 9": torch.zeros(3)}, start)["new 9"]
        assert torch.equal(alone, rows[9])
        other = new_rows(KNOWN, {"new 9": torch.zeros(3)}, dataclasses.replace(start, seed=8))["new 9"]
        assert not torch.equal(alone, other)

    def test_the_nearest_is_the_known_speaker_at_the_smallest_angle(self, caplog):
        caplog.set_level("INFO")
        vectors = {"ann": axis(0), "bob": axis(0, 0.9), "eve": axis(0, 0.6), "new, nearer": axis(0, 0.6)}
        assert torch.equal(row_of_eve("nearest", vectors=vectors), KNOWN["bob"])
        assert caplog.messages == [
            "new speaker eve starts at the row of bob, whose vector is nearest (cosine 0.955)"
        ], "cay has no vector, and another new speaker no row"

    @pytest.mark.parametrize("method", ["nearest", "encoder_map"])
    @pytest.mark.parametrize(
        ("heard", "who"), [({"ann": axis(0)}, "eve"), ({"eve": axis(0)}, "any speaker of the model it starts from")]
    )
    def test_without_vectors_there_is_nothing_to_compare(self, method, heard, who):
        with pytest.raises(ConfigError, match=f"{method}: no training clip of {who} has a speaker vector"):
            row_of_eve(method, vectors=heard)

    def test_a_map_from_vectors_to_rows_finds_the_row_of_a_new_vector(self, caplog):
        caplog.set_level("INFO")
        draw = np.random.default_rng(1)
        angles = {f"known {number}": draw.uniform(0, 0.6) for number in range(12)} | {"eve": 0.3}
        vectors = {name: axis(0, lean) for name, lean in angles.items()}
        known = {name: 5 + 2 * torch.from_numpy(vectors[name][:3]) for name in vectors if name != "eve"}
        torch.testing.assert_close(
            row_of_eve("encoder_map", known, vectors=vectors),
            5 + 2 * torch.from_numpy(vectors["eve"][:3]),
            atol=0.01,
            rtol=0,
        )
        assert (
            "what maps the vectors of 12 known speakers to their rows (ridge 0.001; of speakers left out" in caplog.text
        )

    def test_a_map_takes_three_speakers(self):
        vectors = {"ann": axis(0), "bob": axis(1), "eve": axis(2)}
        with pytest.raises(ConfigError, match="only 2 speakers of the model it starts from have a speaker vector, and"):
            row_of_eve("encoder_map", vectors=vectors)

    @pytest.mark.parametrize(
        ("traits", "names"),
        [
            ({"ann": ("F", "Irish"), "bob": ("M", "Irish"), "cay": ("F", "Welsh"), "eve": ("F", "Welsh")}, ["cay"]),
            ({"ann": ("F", "Irish"), "bob": ("M", "Irish"), "cay": ("F", "Welsh"), "eve": ("F", "Dutch")}, "ann cay"),
            ({"ann": ("F", "Irish"), "bob": ("M", "Irish"), "cay": ("F", ""), "eve": ("F", "")}, "ann cay"),
            ({"ann": ("M", "Irish"), "bob": ("M", ""), "cay": ("M", ""), "eve": ("F", "Irish")}, "ann bob cay"),
            ({"ann": ("", ""), "eve": ("", "")}, "ann bob cay"),
            ({}, "ann bob cay"),
        ],
        ids=["gender and accent", "gender", "no accent known", "none of the gender", "nothing known", "no rows"],
    )
    def test_metadata_choose_those_alike(self, traits, names):
        names = names.split() if isinstance(names, str) else names
        expected = torch.stack([KNOWN[name] for name in names]).mean(dim=0)
        torch.testing.assert_close(row_of_eve("by_metadata", traits=traits), expected)

    def test_vectors_are_of_the_speakers_with_a_training_clip(self, tmp_path):
        rows = [{"utterance_id": name, "vector": axis(0).tolist()} for name in ("a1", "b1", "c1")]
        write_table(tmp_path / "vectors.parquet", rows, VECTORS)
        table = SpeakerVectorTable(tmp_path, {"a1": "ann", "b1": "bob", "c1": "cay"}, ["c1", "a1"])
        assert table.heard == ["ann", "cay"]


def of_speakers(inventory, *names):
    return dataclasses.replace(inventory, speakers=names)


def test_residuals_of_examples_left_out_are_those_of_fits_without_them():
    draw = torch.Generator().manual_seed(1)
    inputs, noise = torch.randn(8, 5, generator=draw).double(), torch.randn(8, 2, generator=draw).double()
    outputs = inputs[:, :2] + 0.3 * noise
    fitted = fit_map(inputs, outputs)
    ridge = float(fitted.ridge * (inputs - inputs.mean(0)).square().sum() / 8)
    errors = []
    for left in range(8):
        kept = [each for each in range(8) if each != left]
        centre, mean = inputs[kept].mean(0), outputs[kept].mean(0)
        x = inputs[kept] - centre
        weights = torch.linalg.solve(x.T @ x + ridge * torch.eye(5).double(), x.T @ (outputs[kept] - mean))
        errors.append(outputs[left] - mean - (inputs[left] - centre) @ weights)
    spread = (outputs - outputs.mean(0)) * 8 / 7
    assert fitted.explained == pytest.approx(1 - float(torch.stack(errors).square().sum() / spread.square().sum()))


def test_rows_that_vectors_say_nothing_of_are_mapped_to_their_mean():
    draw = torch.Generator().manual_seed(2)
    inputs, outputs = torch.randn(20, 64, generator=draw), torch.randn(20, 3, generator=draw)
    fitted = fit_map(inputs, outputs)
    assert fitted.explained < 0.1
    new = fitted(torch.randn(200, 64, generator=draw))
    assert (new - outputs.mean(0)).square().mean().sqrt() < outputs.std() / 3


def test_inversion_moves_rows_alone_before_the_rest(acoustic, inventory):
    sets = {"embedding": ("speakers.*",)}
    run = settings(speaker_init="inversion", inversion_steps=2, init_from="base", accumulate=1)
    network = ToyAcoustic(inventory)
    task, data = acoustic_run(acoustic, inventory, run, network=network, freeze_sets=sets)
    for step in range(4):
        before = {name: each.detach().clone() for name, each in network.named_parameters()}
        task.update([data.batch(step)], step)
        moved = {name for name, each in network.named_parameters() if not torch.equal(each, before[name])}
        assert moved == ({"speakers.weight"} if step < 2 else before.keys())
    assert settings(speaker_init="inversion", init_from="base", steps=40).frozen[0].end == 4
    frozen = settings(speaker_init="inversion", init_from="base", freeze=["embedding"])
    with pytest.raises(ConfigError, match="leave nothing to train in step 0"):
        acoustic_run(acoustic, inventory, frozen, freeze_sets=sets)


class TestStarting:
    def test_known_names_keep_their_rows_whatever_new_ones_start_at(self, tmp_path, inventory):
        old = ToyAcoustic(inventory)
        saved = read_model(export(tmp_path / "model", old, inventory))
        wider = of_speakers(inventory, "aaron", "bob", "eve", "ann")
        new = ToyAcoustic(wider)
        built = new.speakers.weight.detach().clone()
        start_from(new, saved, system="toy", inventory=wider, speakers=SpeakerStart(method="random"))
        assert torch.equal(
            new.speakers.weight, torch.stack((built[0], old.speakers.weight[1], built[2], old.speakers.weight[0]))
        )

    def test_a_list_of_known_names_alone_is_fine(self, tmp_path, inventory):
        old = ToyAcoustic(inventory)
        saved = read_model(export(tmp_path / "model", old, inventory))
        new = ToyAcoustic(inventory)
        start_from(new, saved, system="toy", inventory=inventory, speakers=SpeakerStart(method="nearest"))
        assert torch.equal(new.speakers.weight, old.speakers.weight)

    def test_tables_that_are_not_there_are_named(self, tmp_path, inventory):
        with_table = ToyAcoustic(inventory)
        without = ToyAcoustic(inventory)
        del without.speakers
        saved = read_model(export(tmp_path / "with", with_table, inventory))
        with pytest.raises(ConfigError, match="speaker_init random has no effect: this run has no table of speakers"):
            start_from(without, saved, system="toy", inventory=inventory, speakers=SpeakerStart(method="random"))
        single = read_model(export(tmp_path / "without", without, inventory))
        with pytest.raises(
            ConfigError, match=r"speaker_init mean_noise needs rows to start from, but .*without has no"
        ):
            start_from(
                with_table, single, system="toy", inventory=inventory, speakers=SpeakerStart(method="mean_noise")
            )


class TestSettings:
    def test_a_start_without_a_model_is_refused(self):
        with pytest.raises(ConfigError, match="speaker_init nearest has no effect without init_from; remove it"):
            settings(speaker_init="nearest")
        with pytest.raises(ConfigError, match=r"speaker_init: .*'mean', 'random', .*'encoder_map' or 'inver"):
            settings(speaker_init="median", init_from="base")


class TestRuns:
    @pytest.fixture
    def root(self, tmp_path, toy_folders, acoustic, inventory):
        """A project folder with what runs read of a corpus."""
        root = tmp_path / "project"
        for name in ("mel", "prosody", "index"):
            shutil.copytree(toy_folders[name], root / "data/features/demo" / name)
        shutil.copytree(toy_folders["corpus"], root / "data/corpus/demo")
        (root / "data/features/demo/prosody/prosody.parquet").touch()  # runs know it by its bytes, and read the index
        (root / "models").mkdir()
        export(root / "models/base", ToyAcoustic(inventory), inventory, system="acoustic/fastspeech2")
        vectors = [{"utterance_id": each, "vector": axis(0).tolist()} for each in acoustic.ids]
        (root / "data/features/demo/speakers").mkdir()
        write_table(root / "data/features/demo/speakers/vectors.parquet", vectors, VECTORS)
        write_traits(root, ann="F", bob=None)
        return root

    def params(self, root, *, base_corpus="demo", **changes):
        run = {"system": "acoustic/fastspeech2", "corpus": "demo"}
        runs = {
            "new": settings(**{**run, "init_from": "base", **changes}),
            "base": settings(**{**run, "corpus": base_corpus}),
        }
        values = read_yaml(Path(__file__).parents[1] / "presets" / "demo.yaml")
        values["corpora"]["other"] = values["corpora"]["demo"]
        values |= {"runs": {name: to_plain(each) for name, each in runs.items()}, "voices": {}}
        (root / "params.yaml").write_text(json.dumps(values | {"run": {"corpora": ["demo"]}}))
        return load_params(root), Paths(root), "new"

    def test_nearest_reads_vectors_and_by_metadata_traits(self, root):
        start = read_run(*self.params(root, speaker_init="nearest", seed=5)).speaker_start
        assert (start.method, start.seed, sorted(start.vectors)) == ("nearest", 5, ["ann", "bob"])
        start = read_run(*self.params(root, speaker_init="by_metadata")).speaker_start
        assert start.traits == {"ann": ("F", ""), "bob": ("", "")}

    def test_a_run_begins_anew_when_what_it_reads_of_speakers_changes(self, root):
        before = content_of(*self.params(root, speaker_init="by_metadata"))
        write_traits(root, ann="F", bob="M")
        assert content_of(*self.params(root, speaker_init="by_metadata")) != before
        before = content_of(*self.params(root, speaker_init="nearest"))
        table = root / "data/features/demo/speakers/vectors.parquet"
        write_table(table, read_table(table)[1:], VECTORS)
        assert content_of(*self.params(root, speaker_init="nearest")) != before

    def test_nearest_is_refused_across_corpora_and_without_vectors(self, root):
        with pytest.raises(
            ConfigError, match=r"runs\.new\.speaker_init nearest .*'demo', but base is a run of corpus 'oth"
        ):
            read_run(*self.params(root, speaker_init="nearest", base_corpus="other"))
        shutil.rmtree(root / "data/features/demo/speakers")
        with pytest.raises(DataError, match=r"speakers/vectors\.parquet is missing; .*run\.speaker_vectors"):
            read_run(*self.params(root, speaker_init="nearest"))

    def test_a_vocoder_has_no_speakers_to_start(self, root):
        with pytest.raises(
            ConfigError, match=r"runs\.new\.speaker_init has no effect on vocoders/vocos, which is told no"
        ):
            read_run(*self.params(root, speaker_init="random", system="vocoders/vocos"))


def write_traits(root, **genders):
    unknown = dict.fromkeys(("age", "accent", "region", "comments"))
    rows = [{"speaker": name, "gender": gender, **unknown} for name, gender in genders.items()]
    write_table(root / "data/corpus/demo/speakers.parquet", rows, SPEAKERS)


NETWORKS = {
    "acoustic/fastspeech": test_fastspeech.PLAIN,
    "acoustic/fastspeech2": test_fastspeech2.tiny(),
    "acoustic/tacotron2": test_attentive.TINY,
    "acoustic/gst_tacotron": test_attentive.TINY_TOKENS,
    "end_to_end/vits2": MODEL,
}
over_systems = pytest.mark.parametrize("name", NETWORKS)


def test_every_system_that_is_told_speakers_is_tested_here():
    assert {name for name, kind in SYSTEMS.items() if kind != "vocoder"} == NETWORKS.keys()


OPTIMIZERS = [("adamw", name) for name in NETWORKS] + [(name, "acoustic/tacotron2") for name in ("adam", "radam")]


@pytest.mark.parametrize(("optimizer", "name"), OPTIMIZERS)
def test_rows_of_speakers_without_clips_stay_bit_equal(optimizer, name, acoustic, inventory):
    statistics = inventory.statistics
    wider = dataclasses.replace(
        inventory,
        speakers=("aaron", *inventory.speakers, "zoe"),
        statistics=dataclasses.replace(
            statistics,
            pitch_mean=dict.fromkeys(("aaron", *inventory.speakers, "zoe"), 5.0),
            pitch_std=dict.fromkeys(("aaron", *inventory.speakers, "zoe"), 0.3),
        ),
    )
    chosen = {"optimizer": {"name": optimizer, "lr": 0.01, "weight_decay": 0.1}, "accumulate": 1}
    if name == "end_to_end/vits2":
        run = run_settings(loss_weights=OWN, adversary=None, **chosen)
        task, data = end_to_end_run(acoustic, wider, run)
    else:
        network = load_system(name).build(NETWORKS[name], wider)
        weights = dict.fromkeys(network.loss(one_batch(acoustic, wider, network)), 1.0)
        task, data = acoustic_run(acoustic, wider, settings(loss_weights=weights, **chosen), network=network)
    before = task.network.speakers.weight.detach().clone()
    for step in range(3):
        task.update([data.batch(step)], step)
    is_same = (task.network.speakers.weight == before).all(dim=1)
    assert is_same.tolist() == [True, False, False, True]


def one_batch(acoustic, inventory, network):
    _, data = acoustic_run(acoustic, inventory, settings(), network=network)
    return data.largest()


@over_systems
@torch.inference_mode()
def test_a_blend_of_one_speaker_is_that_speaker_and_of_two_another(name, inventory):
    network = load_system(name).build(NETWORKS[name], inventory).eval()
    network.speakers.weight.mul_(5)
    styles = {} if name == "end_to_end/vits2" else {"style_ids": torch.tensor([0])}

    def spoken(ids):
        torch.manual_seed(1)
        said = network.speak(
            torch.tensor([[0, 1, 2]]), torch.tensor([3]), speaker_ids=ids, controls=Controls(), **styles
        )
        return said.waveform if name == "end_to_end/vits2" else said.mel

    bob, half = spoken(torch.tensor([1])), spoken(torch.tensor([[0.5, 0.5]]))
    torch.testing.assert_close(spoken(torch.tensor([[0.0, 1.0]])), bob, atol=1e-4, rtol=1e-4)
    ends = (bob, spoken(torch.tensor([0])))
    assert all(half.shape != end.shape or not torch.allclose(half, end, atol=1e-3) for end in ends)


@over_systems
def test_each_set_freezes_what_it_names_and_its_rest_all_else(name, inventory):
    system = load_system(name)
    sets = system.freeze_sets
    assert {"embedding", "embedding_and_encoder", "decoder"} <= sets.keys()
    network = system.build(NETWORKS[name], inventory)
    names = {each for each, _ in network.named_parameters()}
    for chosen, patterns in sets.items():
        matched = {each for pattern in patterns for each in fnmatch.filter(names, pattern)}
        assert frozen_by(system.build(NETWORKS[name], inventory), chosen, sets) == matched
        assert frozen_by(system.build(NETWORKS[name], inventory), f"all_but_{chosen}", sets) == names - matched


def frozen_by(network, chosen, sets):
    Freezing(network, [Freeze(pattern=chosen)], steps=1, sets=sets)
    return {each for each, parameter in network.named_parameters() if not parameter.requires_grad}


LARGEST = NETWORKS | {
    "acoustic/fastspeech": dataclasses.replace(test_fastspeech.PLAIN, postnet=test_fastspeech.POSTNET),
    "acoustic/fastspeech2": test_fastspeech2.tiny(level="frame", harmonics=True, speaker="both"),
}
"""With every part that a configuration may have."""


@over_systems
def test_no_pattern_of_a_set_is_out_of_date(name, inventory):
    vectors = dict.fromkeys(inventory.speakers, axis(0))
    told = dataclasses.replace(inventory, speaker_vectors=vectors, mel=MELS.get(name, inventory.mel))
    system = load_system(name)
    names = [each for each, _ in system.build(LARGEST[name], told).named_parameters()]
    for pattern in {each for patterns in system.freeze_sets.values() for each in patterns}:
        assert fnmatch.filter(names, pattern), pattern


MELS = {"acoustic/fastspeech": test_fastspeech.MEL, "acoustic/fastspeech2": test_fastspeech2.MEL}
"""What these networks of other tests are made for."""


def test_sets_that_leave_nothing_or_match_nothing_are_refused(inventory, caplog):
    caplog.set_level("INFO")
    sets = {"rows": ("symbols.*", "speakers.*", "styles.*"), "everything": ("*",), "styles": ("styles.*",)}
    Freezing(ToyAcoustic(inventory), [Freeze(pattern="rows")], steps=1, sets=sets)
    assert caplog.messages == ["freeze 'rows': 2 tensors, 48 values, in all steps"]
    for pattern in ("everything", "all_but_styles"):
        with pytest.raises(ConfigError, match="leave nothing to train in step 0"):
            Freezing(ToyAcoustic(inventory), [Freeze(pattern=pattern)], steps=1, sets=sets)
    for pattern in ("styles", "encodr", "all_but_encodr"):
        with pytest.raises(
            ConfigError, match=f"'{pattern}' matches no parameter.* the sets are everything, rows, styl"
        ):
            Freezing(ToyAcoustic(inventory), [Freeze(pattern=pattern)], steps=1, sets=sets)
