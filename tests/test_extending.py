"""A run that starts from another one keeps what that one knew: names, rows, the optimizer's moments, old recordings."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import test_attentive
import test_fastspeech2
import torch
from test_end_to_end_training import MODEL, OWN, PLAYED, end_to_end_run, run_settings
from test_models import export
from toys import SYMBOLS, ToyAcoustic, ToyVocoder, acoustic_run, adversarial_settings, settings, vocoder_run

from pipeline.params import load_params
from pipeline.paths import Paths
from pipeline.training import content_of, read_run
from pipeline.yaml import read_yaml
from tts.config import to_plain
from tts.data.tables import MEL, read_metadata, read_table, write_table
from tts.errors import CheckpointError, ConfigError, DataError
from tts.interfaces import Inventory
from tts.phones import SILENCE
from tts.registry import load_system
from tts.training.batching import AcousticBatches
from tts.training.export import export_model, read_model
from tts.training.moments import read_moments, take_directions
from tts.training.names import joined, known_names
from tts.training.patterns import NAME_TABLES
from tts.training.processes import ALONE
from tts.training.replay import Replaying
from tts.training.seeding import seed_everything
from tts.training.starting import start_discriminator_from, start_from
from tts.training.trainer import Trainer

OPTIMIZER = {"name": "adamw", "lr": 0.01, "weight_decay": 0.1}


def acoustic_task(name, model):
    def make(features, inventory, run):
        network = load_system(name).build(model, inventory) if model else ToyAcoustic(inventory)
        if model:
            _, data = acoustic_run(features, inventory, settings(), network=network)
            run = dataclasses.replace(run, loss_weights=dict.fromkeys(network.loss(data.largest()), 1.0))
        return acoustic_run(features, inventory, run, network=network)

    return make


def vocoder_task(features, inventory, run):
    return vocoder_run(features, run, ToyVocoder(Inventory(mel=inventory.mel)))


TASKS = {
    "toy": (acoustic_task("toy", None), settings),
    "acoustic/fastspeech2": (acoustic_task("acoustic/fastspeech2", test_fastspeech2.tiny()), settings),
    "acoustic/tacotron2": (acoustic_task("acoustic/tacotron2", test_attentive.TINY), settings),
    "toy vocoder": (vocoder_task, adversarial_settings),
    "end_to_end/vits2": (end_to_end_run, run_settings),
}


def moments_in(task, name="network"):
    """State of the optimizer by parameter."""
    network, updater = {
        "network": (task.network, task._updater),
        "discriminator": (getattr(task, "discriminator", None), None),
    }[name]
    if updater is None:
        updater = task._other if hasattr(task, "_other") else task._play.updater
    return {key: updater._optimizer.state[each] for key, each in network.named_parameters()}


def read_rows(path):
    return read_table(path), json.loads(read_metadata(path)["mel_definition"])


def write_rows(path, rows, definition):
    write_table(path, rows, MEL, metadata={"mel_definition": json.dumps(definition)})


def wider(inventory):
    """Two old speakers, a new one, and a new phone."""
    named = dataclasses.replace(inventory, speakers=("ann", "eve"), symbols=("a", "b", "z"))
    moments = dict.fromkeys(("ann", "eve"), 5.5)
    statistics = dataclasses.replace(inventory.statistics, pitch_mean=moments, pitch_std=moments)
    return joined(inventory, dataclasses.replace(named, statistics=statistics))


@pytest.mark.parametrize("name", TASKS)
def test_old_rows_and_their_moments_are_taken_over_bit_by_bit(name, tmp_path, acoustic, inventory):
    make, settings_of = TASKS[name]
    run = settings_of(optimizer=OPTIMIZER, accumulate=1, ema_decay=None, export_optimizer=True)
    task, data = make(acoustic, inventory, run)
    for step in range(6):
        task.update([data.batch(step)], step)
    discriminator = getattr(task, "discriminator", None)
    folder = tmp_path / "base"
    folder.mkdir()
    about = {"system": name, "model": {}, "inventory": inventory, "training": {}}
    export_model(folder, task.network, discriminator=discriminator, moments=task.moments(), **about)

    saved, larger = read_model(folder), wider(inventory)
    new, data = make(acoustic, larger, run)
    moments = read_moments(saved, base="base")
    start_from(new.network, saved, system=name, inventory=larger)
    take_directions(new.network, moments, prefix="network")
    if discriminator is not None:
        start_discriminator_from(new.discriminator, saved)
    new.take_moments(moments, known=saved.inventory, inventory=larger)

    ours = dict(new.network.named_parameters())
    for parameter, tensor in task.network.named_parameters():
        rows = len(tensor) if parameter in NAME_TABLES else None
        assert torch.equal(ours[parameter][:rows], tensor), parameter
    assert_moments_of(new, task, "network")
    if discriminator is not None:
        assert_moments_of(new, task, "discriminator")
    new.update([data.batch(6)], 6)  # and it goes on


def assert_moments_of(new, old, which):
    ours, theirs = moments_in(new, which), moments_in(old, which)
    assert any(theirs.values())
    for parameter, state in theirs.items():
        rows = len(state.get("exp_avg", ())) if parameter in NAME_TABLES else None
        for what, value in state.items():
            if what == "step":
                assert torch.equal(ours[parameter][what], value)
            else:
                assert torch.equal(ours[parameter][what][:rows], value), (parameter, what)
                assert rows is None or not ours[parameter][what][rows:].any(), "new rows begin at nothing"


@pytest.mark.parametrize("optimizer", ["adamw", "radam"])
def test_momentum_moves_no_row_of_a_name_without_clips(optimizer, tmp_path, acoustic, inventory):
    run = settings(optimizer={"name": optimizer, "lr": 0.01}, accumulate=1, ema_decay=None, clip_norm=None)
    task, data = acoustic_run(acoustic, inventory, run)
    for step in range(4):
        task.update([data.batch(step)], step)
    new, _ = acoustic_run(acoustic, inventory, run)
    new.network.load_state_dict(task.network.state_dict())
    new.take_moments(task.moments(), known=inventory, inventory=inventory)
    reader = AcousticBatches(acoustic, inventory, "phone")
    batch = reader.read(acoustic.select("train", speakers=["ann"])[:4])
    for step in range(4, 7):
        new.update([batch], step)
    again, _ = acoustic_run(acoustic, inventory, run)
    again.take_moments(task.moments(), known=inventory, inventory=inventory)
    again.load_state_dict(new.state_dict())
    again.update([batch], 7)
    before, after = moments_in(task)["speakers.weight"], moments_in(again)["speakers.weight"]
    assert before["exp_avg"][1].any()
    for ours, theirs in ((again.network.speakers.weight, task.network.speakers.weight),
                         *((after[what], before[what]) for what in ("exp_avg", "exp_avg_sq"))):  # fmt: skip
        assert (ours == theirs).all(dim=1).tolist() == [False, True], "ann has moved, and bob not"


def test_a_run_that_goes_on_with_all_it_had_takes_the_same_step(tmp_path, acoustic, inventory):
    run = run_settings(optimizer=OPTIMIZER, export_optimizer=True)
    task, data = end_to_end_run(acoustic, inventory, run)
    for step in range(4):
        task.update([data.batch(step)], step)
    folder = tmp_path / "base"
    folder.mkdir()
    about = {"system": "end_to_end/vits2", "model": {}, "inventory": inventory, "training": {}}
    export_model(folder, task.network, discriminator=task.discriminator, moments=task.moments(), **about)
    saved = read_model(folder)
    moments = read_moments(saved, base="base")
    new, _ = end_to_end_run(acoustic, inventory, run)
    start_from(new.network, saved, system="end_to_end/vits2", inventory=inventory)
    take_directions(new.network, moments, prefix="network")
    start_discriminator_from(new.discriminator, saved)
    new.take_moments(moments, known=inventory, inventory=inventory)
    for each in (task, new):
        each.update([data.batch(4)], 4)
    theirs = task.network.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in new.network.state_dict().items())


def test_moments_that_were_not_kept_are_asked_for(tmp_path, inventory):
    saved = read_model(export(tmp_path / "base", ToyAcoustic(inventory), inventory))
    with pytest.raises(
        CheckpointError, match=r"optimizer\.safetensors is missing, .*runs\.base\.export_optimizer: true"
    ):
        read_moments(saved, base="base")


def test_keeping_the_moments_afterwards_trains_nothing_anew(tmp_path, acoustic, inventory):
    plain = settings(steps=6)
    task, data = acoustic_run(acoustic, inventory, plain)
    Trainer(task, data, plain, directory=tmp_path).run()
    keeping = settings(steps=6, export_optimizer=True)
    again, data = acoustic_run(acoustic, inventory, keeping)
    assert Trainer(again, data, keeping, directory=tmp_path).run()
    assert torch.equal(moments_in(again)["speakers.weight"]["exp_avg"], moments_in(task)["speakers.weight"]["exp_avg"])


class TestNames:
    def test_known_names_come_first_and_those_of_one_alone_are_not_kept(self, tmp_path, inventory):
        saved = read_model(export(tmp_path / "base", ToyAcoustic(inventory), inventory))
        own = dataclasses.replace(inventory, speakers=("aaron", "bob"), symbols=("b", "c"), styles=("sad",))
        names = joined(known_names(saved, by_vector=False), own)
        assert names.speakers == ("ann", "bob", "aaron")
        assert names.symbols == (*SYMBOLS, "c")
        assert names.styles == ("sad",), "the toy has no table of styles"

    def test_moments_are_of_the_model_but_for_new_speakers(self, inventory):
        told = dataclasses.replace(inventory.statistics, pitch_mean={"eve": 6.0, "ann": 1.0}, mel_mean=-9.0)
        names = joined(inventory, dataclasses.replace(inventory, statistics=told))
        assert names.statistics.pitch_mean == {**inventory.statistics.pitch_mean, "eve": 6.0}
        assert names.statistics.mel_mean == inventory.statistics.mel_mean


class Numbers:
    def __init__(self, name):
        self.name = name

    def __call__(self, index):
        return self.name, index


class TestReplaying:
    @pytest.mark.parametrize("rate", [0.2, 0.25, 0.5, 0.9])
    def test_old_batches_come_at_an_even_rate_and_each_kind_in_its_order(self, rate):
        plan = Replaying(Numbers("new"), Numbers("old"), rate=rate)
        batches = [plan(index) for index in range(200)]
        for kind, count in (("old", round(200 * rate)), ("new", round(200 * (1 - rate)))):
            assert [index for name, index in batches if name == kind] == list(range(count))
        assert [plan(index) for index in (77, 3)] == [batches[77], batches[3]], "whichever were made before"
        shares = [sum(name == "old" for name, _ in batches[start : start + 20]) for start in range(0, 200, 20)]
        assert max(shares) - min(shares) <= 1

    def test_the_largest_batch_is_that_of_either(self, acoustic, inventory):
        _, small = acoustic_run(acoustic, inventory, settings(batch={"size": 2}))
        _, large = acoustic_run(acoustic, inventory, settings(batch={"size": 6}))

        class Plan:
            def __init__(self, largest):
                self.largest = largest

        for pair in ((small, large), (large, small)):
            largest = Replaying(*(Plan(each.largest) for each in pair), rate=0.5).largest()
            assert len(largest.utterance_ids) == 6


PIPED = {
    "acoustic/fastspeech2": {
        "model": to_plain(test_fastspeech2.tiny()),
        "loss_weights": dict.fromkeys(("mel", "mel_postnet", "duration", "pitch", "voicing", "energy"), 1.0),
    },
    "end_to_end/vits2": {
        "model": to_plain(MODEL),
        "loss_weights": OWN | PLAYED,
        "batch": {"size": 4, "segment_frames": 24},
        "adversary": {"optimizer": {"lr": 1e-3}, "start_step": 0},
    },
    "vocoders/vocos": {
        "model": {"channels": 8, "intermediate": 8, "layers": 1},
        "loss_weights": {"mel": 1.0, "stft": 1.0},
        "batch": {"size": 4, "segment_frames": 24},
    },
}
"""What `TestRuns` trains by."""
for each in PIPED.values():
    each |= {"export_optimizer": True, "accumulate": 1, "ema_decay": None}


class TestRuns:
    """Runs of FastSpeech 2 that start from a base of ann and bob, of one corpus or of another."""

    @pytest.fixture
    def root(self, tmp_path, toy_folders, inventory):
        root = tmp_path / "project"
        for corpus in ("demo", "other"):
            for name in ("mel", "prosody", "index"):
                shutil.copytree(toy_folders[name], root / "data/features" / corpus / name)
            shutil.copytree(toy_folders["corpus"], root / "data/corpus" / corpus)
            (root / "data/features" / corpus / "prosody/prosody.parquet").touch()
        (root / "models").mkdir()
        export(root / "models/base", ToyAcoustic(inventory), inventory, system="acoustic/fastspeech2")
        return root

    def params(self, root, *, base_corpus="demo", base_system="acoustic/fastspeech2", built=None, **changes):
        run = {"system": "acoustic/fastspeech2", "corpus": "demo", "init_from": "base", **changes}
        base = {"system": base_system, "corpus": base_corpus}
        runs = {"new": settings(**run), "base": settings(**base)}
        values = read_yaml(Path(__file__).parents[1] / "presets" / "demo.yaml")
        values["corpora"]["other"] = values["corpora"]["demo"]
        values |= {"runs": {name: to_plain(each) for name, each in runs.items()}, "voices": {}}
        values["run"] = {"corpora": ["demo", "other"], **(built or {})}
        (root / "params.yaml").write_text(json.dumps(values))
        return load_params(root), Paths(root), "new"

    def rename_speakers(self, root, corpus, **names):
        """Other names for the speakers in a corpus' index."""
        folder = root / "data/features" / corpus / "index"
        for name in ("speakers.json", "statistics.json"):
            text = (folder / name).read_text()
            for old, new in names.items():
                text = text.replace(f'"{old}"', f'"{new}"')
            (folder / name).write_text(text)

    def edit_base(self, root, **changes):
        path = root / "models/base/config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    def test_the_voices_of_the_base_stay(self, root):
        self.rename_speakers(root, "demo", ann="eve", bob="dan")
        run = read_run(*self.params(root, base_corpus="other"))
        assert run.inventory.speakers == ("ann", "bob", "eve", "dan")
        assert run.inventory.statistics.pitch_mean.keys() == {"ann", "bob", "eve", "dan"}
        alone = read_run(*self.params(root, base_corpus="other", keep_names=False))
        assert alone.inventory.speakers == ("eve", "dan")

    @pytest.mark.parametrize("name", PIPED)
    def test_a_run_goes_on_from_a_folder_with_names_and_moments(self, name, root):
        changes = {**PIPED[name], "system": name}
        base = read_run(*self.params(root, **{**changes, "init_from": None}))
        task = base.task(torch.device("cpu"), ALONE)
        data = base.data(task.network)
        for step in range(2):
            task.update([data.batch(step)], step)
        shutil.rmtree(root / "models/base")
        (root / "models/base").mkdir()
        base.export(root / "models/base", task, steps=2)
        if base.inventory.speakers:
            self.rename_speakers(root, "other", ann="eve", bob="dan")
        new = read_run(*self.params(root, **changes, corpus="other", init_optimizer=True, base_system=name))
        assert new.inventory.speakers == (("ann", "bob", "eve", "dan") if base.inventory.speakers else ())
        assert_moments_of(new.task(torch.device("cpu"), ALONE), task, "network")

    def test_a_name_that_exists_is_refused_unless_it_is_the_same_voice(self, root):
        self.rename_speakers(root, "demo", bob="dan")
        with pytest.raises(
            ConfigError,
            match=r"runs\.new: base already has a speaker 'ann', .* 'demo'; rename .*same_speakers: \[ann\]",
        ):
            read_run(*self.params(root, base_corpus="other"))
        same = read_run(*self.params(root, base_corpus="other", same_speakers=["ann"]))
        assert same.inventory.speakers == ("ann", "bob", "dan")
        with pytest.raises(
            ConfigError, match=r"runs\.new\.same_speakers: 'bob' is no speaker of corpus 'demo'; remove"
        ):
            read_run(*self.params(root, base_corpus="other", same_speakers=["ann", "bob"]))
        assert read_run(*self.params(root)).inventory.speakers == ("ann", "bob", "dan"), "of the same corpus it is she"

    def test_new_phones_are_refused_or_get_rows(self, root, inventory):
        self.edit_base(root, symbols=["a", "n", SILENCE])
        with pytest.raises(
            ConfigError, match=r"base never learned the phones b of this run's clips; .*new_phones: exten"
        ):
            read_run(*self.params(root))
        assert read_run(*self.params(root, new_phones="extend")).inventory.symbols == ("a", "n", SILENCE, "b")

    def test_speakers_without_clips_are_refused(self, root):
        with pytest.raises(ConfigError, match="speaker 'zoe' is not in the corpus; there is: ann, bob"):
            read_run(*self.params(root, speakers=["zoe"]))
        path = root / "data/features/demo/index/speakers.json"
        path.write_text(json.dumps(["ann", "bob", "zoe"]))
        with pytest.raises(DataError, match="no training clip is of zoe; add recordings"):
            read_run(*self.params(root, speakers=["zoe"]))

    def test_another_sample_rate_is_refused(self, root, acoustic):
        self.edit_base(root, mel=to_plain(dataclasses.replace(acoustic.mel_definition, sample_rate=16000)))
        run = read_run(*self.params(root, model=to_plain(test_fastspeech2.tiny())))
        with pytest.raises(
            ConfigError, match=r"this run and .*models/base: mel .* sample_rate 8000 against 16000; reb"
        ):
            run.task(torch.device("cpu"), ALONE)

    def test_a_base_of_another_system_is_refused(self, root):
        self.edit_base(root, system="acoustic/tacotron2")
        with pytest.raises(
            CheckpointError, match=r"base: a acoustic/tacotron2 model cannot start a acoustic/fastspeech2"
        ):
            read_run(*self.params(root))

    def test_old_recordings_are_replayed(self, root):
        replay = {"corpus": "demo", "rate": 0.25}
        run = read_run(*self.params(root, speakers=["bob"], replay=replay, model=to_plain(test_fastspeech2.tiny())))
        assert {run.features.utterances[name].speaker for name in run.replay.ids} == {"ann"}
        seed_everything(1)
        network = run.system.build(run.config, run.inventory)
        data = run.data(network)
        speakers = [set(data.batch(index).speaker_ids.tolist()) for index in range(8)]
        assert speakers == [{1}, {1}, {1}, {0}] * 2
        named = {**replay, "speakers": ["ann"]}
        assert read_run(*self.params(root, speakers=["bob"], replay=named)).replay.ids == run.features.select(
            "train", speakers=["ann"]
        )

    def test_what_is_replayed_decides_the_work_folder(self, root):
        one = content_of(*self.params(root, replay={"corpus": "other", "rate": 0.2}))
        assert any("corpus/other" in file for file in one["files"])
        assert one != content_of(*self.params(root, replay={"corpus": "other", "rate": 0.3}))
        assert content_of(*self.params(root)) == content_of(*self.params(root, export_optimizer=True))

    def test_nothing_to_replay_and_strangers_are_refused(self, root):
        with pytest.raises(
            ConfigError, match=r"runs\.new\.replay: no training clip of corpus 'demo' is of a speaker that"
        ):
            read_run(*self.params(root, replay={"corpus": "demo", "rate": 0.2}))
        stranger = {"corpus": "demo", "rate": 0.2, "speakers": ["zoe"]}
        with pytest.raises(ConfigError, match=r"runs\.new\.replay\.speakers: base does not know 'zoe'; name speakers"):
            read_run(*self.params(root, replay=stranger))
        with pytest.raises(
            ConfigError, match=r"runs\.new\.replay\.corpus: 'othre' is not defined; did you mean 'other'"
        ):
            self.params(root, replay={"corpus": "othre", "rate": 0.2})

    def test_what_is_replayed_must_be_of_one_mel_definition(self, root):
        table = root / "data/features/other/mel/mel.parquet"
        rows, definition = read_rows(table)
        write_rows(table, rows, definition | {"f_max": 3000.0})
        with pytest.raises(ConfigError, match=r"replay: corpora demo and other: mel definitions differ in f_max 4000"):
            read_run(*self.params(root, replay={"corpus": "other", "rate": 0.2}))

    def test_a_vocoder_hears_old_recordings_too(self, root):
        run = {"system": "vocoders/vocos", "replay": {"corpus": "other", "rate": 0.5}}
        batch = {"size": 4, "segment_frames": 16}
        read = read_run(*self.params(root, batch=batch, **run))
        assert len(read.replay.ids) > 20
        with pytest.raises(
            ConfigError, match=r"runs\.new\.same_speakers has no effect on vocoders/vocos, which is told no"
        ):
            read_run(*self.params(root, batch=batch, same_speakers=["ann"], **run))

    def test_dvc_is_told_of_the_other_corpus(self, root):
        row = {"system": "acoustic/fastspeech2", "corpus": "demo", "init_from": "base"}
        replay = {"corpus": "other", "rate": 0.2}
        self.params(root, replay=replay, built={"finetune_replaying": {"new": {**row, "replay": "other"}}})
        with pytest.raises(
            ConfigError, match=r"run\.finetune\.new\.replay is None, runs\.new\.replay is 'other'; make"
        ):
            self.params(root, replay=replay, built={"finetune": {"new": row}})
        with pytest.raises(
            ConfigError, match=r"run\.finetune\.new: runs that replay another .* run\.finetune_replaying"
        ):
            self.params(root, replay=replay, built={"finetune": {"new": {**row, "replay": "other"}}})


REFUSED = {
    "replay has no effect without init_from": {"replay": {"corpus": "demo", "rate": 0.2}},
    "init_optimizer has no effect without init_from": {"init_optimizer": True},
    "same_speakers has no effect without init_from": {"same_speakers": ["ann"]},
    "inversion_steps has no effect on speaker_init mean": {"init_from": "base", "inversion_steps": 3},
    "inversion_steps 12 leave none of 12 steps for the rest": {
        "init_from": "base",
        "speaker_init": "inversion",
        "inversion_steps": 12,
    },
    "replay has no effect beside mels_from": {
        "init_from": "base",
        "mels_from": "teacher",
        "replay": {"corpus": "demo", "rate": 0.2},
    },
    "replay.rate: Input should be less than 1": {"init_from": "base", "replay": {"corpus": "demo", "rate": 1.0}},
}


@pytest.mark.parametrize("message", REFUSED)
def test_settings_that_cannot_take_effect_are_refused(message):
    with pytest.raises(ConfigError, match=message):
        settings(**REFUSED[message])
