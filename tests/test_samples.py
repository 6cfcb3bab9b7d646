"""What is drawn and heard of a few clips while a run learns, and that the run does not notice."""

import errno
import io
import random
import wave

import numpy as np
import pytest
import torch
from PIL import Image
from test_resuming import FASTSPEECH2, assert_equal_states, stop_at
from torch import nn
from toys import ToyVocoder, acoustic_run, adversarial_settings, settings, vocoder_run

from pipeline.sample_files import SampleFiles, draw
from tts.audio.spectrogram import mel_spectrogram
from tts.config import build
from tts.errors import AudioError
from tts.interfaces import Inventory
from tts.registry import load_system
from tts.training.batching import AcousticBatches
from tts.training.processes import Processes
from tts.training.samples import AcousticSamples, Picture, Sample, VocoderSamples, choose_clips, render
from tts.training.seeding import seed_everything
from tts.training.trainer import Host, Trainer, TrainingData

TERMS = ("mel", "duration", "pitch", "voicing", "energy")


def fastspeech2(inventory):
    system = load_system("acoustic/fastspeech2")
    network = system.build(build(system.config, FASTSPEECH2, where="model"), inventory)
    with torch.no_grad():  # untrained phones last no frame; let them last some
        for name, parameter in network.named_parameters():
            if name.startswith("variance.durations") and name.endswith("bias") and parameter.numel() == 1:
                parameter.fill_(1.5)
    return network


def griffin_lim(definition):
    system = load_system("vocoders/griffin_lim")
    return system.build(system.config(iterations=2), Inventory(mel=definition))


@pytest.fixture
def clips(acoustic, inventory):
    reader = AcousticBatches(acoustic, inventory, "phone")
    return [reader.read([name]) for name in choose_clips(acoustic.num_frames(acoustic.select("validation")), 2)]


@pytest.fixture
def sampler(clips, inventory):
    return AcousticSamples(clips, griffin_lim(inventory.mel))


def vocoder_samples(recordings):
    names = choose_clips(recordings.num_frames(recordings.select("validation")), 2)
    return VocoderSamples({name: np.array(recordings.mel(name).T) for name in names}, recordings.mel_definition)


def with_samples(data, sampler):
    return TrainingData(data.batch, data.largest, data.validation, sampler)


def trained(make, run, folder, *, sampler=None, stops=()):
    """A task after its run, and the steps of which samples were told."""
    folder.mkdir()
    told = []
    for stop in (*stops, 10**9):
        task, data = make(run)
        host = Host(should_stop=stop_at(stop), on_samples=lambda step, _: told.append(step))
        Trainer(task, with_samples(data, sampler) if sampler else data, run, directory=folder, host=host).run()
    return task, told


def assert_samples_change_nothing(make, run, folder, sampler):
    without, told = trained(make, run, folder / "without")
    assert told == []
    task, told = trained(make, run, folder / "with", sampler=sampler, stops=(3,))
    assert told == [2, 4, 6]
    assert_equal_states(without, task)
    assert (folder / "without" / "curve.csv").read_bytes() == (folder / "with" / "curve.csv").read_bytes()


@pytest.mark.parametrize("decay", [None, 0.9])
def test_an_acoustic_run_ends_in_the_same_bits_with_samples(tmp_path, acoustic, inventory, sampler, decay):
    run = settings(loss_weights=dict.fromkeys(TERMS, 1.0), steps=6, validate_every=2, ema_decay=decay)

    def make(run):
        seed_everything(run.seed)
        return acoustic_run(acoustic, inventory, run, fastspeech2(inventory))

    assert_samples_change_nothing(make, run, tmp_path, sampler)


def test_an_adversarial_run_ends_in_the_same_bits_with_samples(tmp_path, recordings):
    run = adversarial_settings(steps=6, validate_every=2, ema_decay=None)
    assert_samples_change_nothing(lambda run: vocoder_run(recordings, run), run, tmp_path, vocoder_samples(recordings))


def test_only_the_first_process_renders(tmp_path, acoustic, inventory):
    def never(_):
        raise AssertionError

    class Second(Processes):
        """One of two processes, whose other half is not needed here."""

        def average(self, tensors):
            pass

        def total(self, value):
            return value

        def any(self, *, claim):
            return claim

        def wait(self):
            pass

    run = settings(accumulate=2, validate_every=4)
    processes = Second(rank=1, size=2)
    task, data = acoustic_run(acoustic, inventory, run, processes=processes)
    assert Trainer(
        task, with_samples(data, never), run, directory=tmp_path, host=Host(processes=processes, on_samples=never)
    ).run()


def test_rendering_leaves_modes_and_random_numbers_as_they_were():
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    network.train()
    network[0].eval()

    def sampler(each):
        assert not any(module.training for module in each.modules())
        assert not torch.is_grad_enabled()
        return [float(torch.rand(()))]

    seed_everything(3)
    states = (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist())
    first = render(sampler, network, seed=1)
    assert [module.training for module in network.modules()] == [True, False, True]
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (random.getstate(), np.random.get_state()[1].tolist())
    assert first == render(sampler, network, seed=1) != render(sampler, network, seed=2)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("out of memory"), AudioError("8 samples are too few"), RuntimeError("a\nb")]
)
def test_samples_that_fail_cost_a_warning_and_no_run(caplog, error):
    def fail(_):
        raise error

    network = nn.Linear(1, 1)
    assert render(fail, network, seed=1) == []
    assert f"could not be rendered ({str(error).partition(chr(10))[0]})" in caplog.text
    assert network.training


def test_an_acoustic_sample_shows_and_says_the_clip(acoustic, inventory, clips, sampler):
    network = fastspeech2(inventory).eval()
    with torch.no_grad():
        sample = sampler(network)[0]
        followed = network.teacher_forced(clips[0])[0].T.numpy()
    recorded, forced, spoken = sample.pictures.values()
    assert list(sample.pictures) == ["recorded", "with the recording's durations", "spoken freely"]
    np.testing.assert_array_equal(recorded.values, acoustic.mel(sample.utterance_id).T)
    np.testing.assert_array_equal(forced.values, followed)
    assert {(each.low, each.high) for each in sample.pictures.values()} == {
        (recorded.values.min(), recorded.values.max())
    }
    durations = acoustic.prosody(sample.utterance_id).durations
    assert recorded.marks == forced.marks == tuple(np.cumsum(durations)[:-1].tolist())
    assert len(spoken.marks) == len(durations) - 1
    assert spoken.marks != recorded.marks
    assert spoken.marks[-1] <= spoken.values.shape[1]
    assert len(sample.waveform) == spoken.values.shape[1] * inventory.mel.hop_length


def test_a_network_that_speaks_without_end_is_cut_short(acoustic, inventory, sampler):
    network = fastspeech2(inventory).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith("variance.durations") and name.endswith("bias") and parameter.numel() == 1:
                parameter.fill_(5.0)
        sample = sampler(network)[0]
    frames = acoustic.utterances[sample.utterance_id].num_frames
    assert sample.pictures["spoken freely"].values.shape[1] == 3 * frames


def test_a_system_may_show_more_than_mels(inventory, clips, sampler):
    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = fastspeech2(inventory)

        def speak(self, *arguments, **named):
            return self.inner.speak(*arguments, **named)

        def teacher_forced(self, batch):
            return self.inner.teacher_forced(batch)

        def pictures(self, batch):
            return {"alignment": torch.eye(batch.phones.shape[1])[None] * 0.5}

    sample = render(sampler, Attending(), seed=1)[0]
    picture = sample.pictures["alignment"]
    assert (picture.low, picture.high, picture.values.shape) == (0, 0.5, (clips[0].phones.shape[1],) * 2)


def test_a_vocoder_sample_is_copy_synthesis(recordings):
    network = ToyVocoder(Inventory(mel=recordings.mel_definition)).eval()
    sample = render(vocoder_samples(recordings), network, seed=1)[0]
    mel = torch.from_numpy(np.array(recordings.mel(sample.utterance_id).T))[None]
    with torch.no_grad():
        waveform = network(mel)
    np.testing.assert_array_equal(sample.waveform, waveform[0].numpy())
    copied = mel_spectrogram(waveform, recordings.mel_definition)[0].numpy()
    np.testing.assert_array_equal(sample.pictures["copy-synthesis"].values, copied)
    assert sample.pictures["copy-synthesis"].low == mel.min() == sample.pictures["recorded"].low


def test_samples_are_short_clips_spread_over_the_ids():
    lengths = {f"{speaker}{number}": 10 + number for speaker in "ab" for number in range(8)}
    assert choose_clips(lengths, 2) == ["a0", "b0"]
    assert choose_clips(lengths, 0) == []
    assert choose_clips({"long": 9, "short": 1}, 1) == ["short"]
    assert choose_clips({"long": 9, "short": 1}, 3) == ["long", "short"]


def picture(columns=10, marks=()):
    return Picture(np.tile(np.linspace(0, 1, 4, dtype=np.float32)[:, None], (1, columns)), 0.0, 1.0, marks)


def test_a_drawing_has_low_rows_below_marks_at_phones_and_one_picture_below_the_other():
    pixels = np.array(Image.open(io.BytesIO(draw({"a": picture(), "b": picture(30, marks=(5, 99))}))))
    assert pixels.shape == (2 * (14 + 8 + 4), 60, 3)
    first, second = pixels[14:22], pixels[40:48]
    assert first[0, 0].sum() > first[-1, 0].sum(), "high values are bright"
    assert (first[:, 20:] == 255).all(), "the shorter one is as wide as it is long"
    assert (second[:, 10] == (120, 200, 220)).all()
    assert (second[:, 9] == second[:, 0]).all()


def samples(name="clip"):
    return [Sample(name, {"recorded": picture()}, np.zeros(100, np.float32))]


def make_files(folder):
    told = []
    return SampleFiles(folder / "samples", sample_rate=8000, on_written=lambda *each: told.append(each)), told


def test_the_first_and_the_last_steps_are_kept(tmp_path):
    files, told = make_files(tmp_path)
    for step in (100, 200, 300, 400, 500, 500):
        files.write(step, samples())
    kept = [f"step-{step:08d}" for step in (100, 300, 400, 500)]
    assert sorted(each.name for each in files.folder.iterdir()) == kept
    assert told[-1] == (500, files.folder / "step-00000500")
    assert sorted(each.name for each in told[-1][1].iterdir()) == ["clip.png", "clip.wav"]
    with wave.open(str(told[-1][1] / "clip.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (8000, 100)


def test_a_full_disk_is_told_and_stops_nothing(tmp_path, monkeypatch, caplog):
    files, told = make_files(tmp_path)
    files.write(100, samples())

    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pipeline.sample_files.write_wav", refuse)
    files.write(200, samples())
    assert "No space left on device); training goes on" in caplog.text
    assert [each.name for each in files.folder.iterdir()] == ["step-00000100"]
    assert len(told) == 1


def test_a_waveform_that_is_not_finite_is_told(tmp_path, caplog):
    files, told = make_files(tmp_path)
    files.write(100, [Sample("clip", {"recorded": picture()}, np.full(9, np.nan, np.float32))])
    assert "could not be written" in caplog.text
    assert told == []
