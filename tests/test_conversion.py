"""Voice conversion: of batches, by a voice, of files."""

import json
import shutil

import numpy as np
import pytest
import torch
from conftest import ROOT, Project
from test_vits2 import TWO, VARIANTS, clips, make
from tiny_voice import INVENTORY, tone, write_models
from typer.testing import CliRunner

from stages.app import app
from tts.audio.files import read_audio, write_wav
from tts.config import to_plain
from tts.end_to_end.vits2 import TINY, Vits2
from tts.end_to_end_voice import EndToEndVoice
from tts.errors import AudioError, ConfigError
from tts.interfaces import Inventory
from tts.layers.embedding import blend
from tts.models import load_model
from tts.training.export import export_model

HOP = 256
ANN, BOB = torch.tensor([0]), torch.tensor([1])


def taught(network):
    """Give weights that begin as zero some other value, as learning does: flows then move, decoders are told."""
    torch.manual_seed(7)
    for module in network.modules():
        if isinstance(module, torch.nn.Linear) and not module.weight.any():
            module.weight.data.normal_(std=0.1)
    return network.eval()


def converted(network, waveform, frames=None, **speakers):
    with torch.inference_mode():
        return network.convert(waveform, frames, **speakers)


@pytest.mark.parametrize("name", VARIANTS)
class TestBatches:
    def test_to_whom_it_is_from_is_a_copy(self, name):
        network, waveform = taught(make(name)), clips().waveform[:1]
        with torch.inference_mode():
            copied = network.copy(waveform, speaker_ids=BOB)
        found = converted(network, waveform, from_ids=BOB, to_ids=BOB)
        torch.testing.assert_close(found, copied, atol=1e-5, rtol=0)

    def test_each_pair_of_speakers_sounds_otherwise_and_as_long(self, name):
        network, waveform = taught(make(name)), clips().waveform[:1]
        pairs = [(ANN, ANN), (ANN, BOB), (BOB, ANN), (BOB, BOB)]
        found = [converted(network, waveform, from_ids=a, to_ids=b) for a, b in pairs]
        assert {each.shape for each in found} == {(1, 60 * HOP)}
        for i, each in enumerate(found):
            assert all((each - other).abs().max() > 1e-4 for other in found[:i])

    def test_an_item_of_a_padded_batch_is_converted_as_it_is_alone(self, name):
        network, batch = taught(make(name)), clips()
        together = converted(
            network, batch.waveform, batch.frames, from_ids=batch.speaker_ids, to_ids=batch.speaker_ids.flip(0)
        )
        alone = converted(network, batch.waveform[1:, : 43 * HOP], from_ids=BOB, to_ids=ANN)
        torch.testing.assert_close(together[1:, : 43 * HOP], alone, atol=1e-5, rtol=1e-4)
        assert not together[1, 43 * HOP :].any()


def test_a_blend_is_between_its_speakers():
    network, waveform = taught(make()), clips().waveform[:1]
    ends = [converted(network, waveform, from_ids=ANN, to_ids=each) for each in (ANN, BOB)]
    whole = converted(network, waveform, from_ids=ANN, to_ids=torch.tensor([[0.0, 1.0]]))
    torch.testing.assert_close(whole, ends[1], atol=1e-6, rtol=0)
    half = converted(network, waveform, from_ids=ANN, to_ids=torch.tensor([[0.5, 0.5]]))
    distance = (ends[0] - ends[1]).norm()
    assert all(0 < (half - end).norm() < distance for end in ends)


def test_weights_of_a_blend_are_made_to_sum_to_one():
    assert blend({"bob": 2}, TWO.speakers, "speaker").tolist() == [0, 1]
    assert blend({"bob": 3, "ann": 1}, TWO.speakers, "speaker").tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"eve": 1.0}, "target speaker 'eve' is unknown; the voice has: ann, bob"),
        ({"ann": 0.5, "eve": 0.5}, "target speaker 'eve' is unknown; the voice has: ann, bob"),
        ({"ann": -1.0}, "the weight of target speaker 'ann' is -1"),
        ({"ann": float("nan")}, "the weight of target speaker 'ann' is nan"),
        ({"ann": 0.0}, "the weights of the target speakers sum to 0"),
    ],
)
def test_blends_that_cannot_be_are_refused(target, message):
    with pytest.raises(ConfigError, match=message):
        blend(target, TWO.speakers, "target speaker")


def export(folder, network, inventory):
    folder.mkdir(parents=True)
    export_model(folder, network, system="end_to_end/vits2", model=to_plain(TINY), inventory=inventory, training={})


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Models of several speakers, of one, and a pair that is not end-to-end."""
    folder = tmp_path_factory.mktemp("models")
    alone = Inventory(mel=INVENTORY.mel, symbols=INVENTORY.symbols, speakers=("ann",), styles=("neutral",))
    for name, inventory in (("whole", INVENTORY), ("alone", alone)):
        torch.manual_seed(0)
        export(folder / name, taught(Vits2(TINY, inventory)), inventory)
    write_models(folder / "tiny_acoustic", folder / "tiny_vocoder")
    return folder


@pytest.fixture
def folder(models, tmp_path, monkeypatch):
    """A project with these models as voices, and recordings of two rates."""
    shutil.copy(ROOT / "presets/tiny.yaml", tmp_path / "params.yaml")
    shutil.copy(ROOT / "lexicon.txt", tmp_path)
    (tmp_path / "runtime.yaml").write_text(json.dumps({"workers": 1, "device": "cpu"}))
    (tmp_path / "models").symlink_to(models)
    project = Project(tmp_path)
    for name in ("whole", "alone"):
        project.set(f"voices.{name}", f"{{end_to_end: {name}, corpus: tiny}}")
    (tmp_path / "in" / "ann").mkdir(parents=True)
    write_wav(tmp_path / "in" / "ann" / "één.wav", tone(0.4, hz=150, seed=1), sample_rate=22050)
    write_wav(tmp_path / "in" / "two.wav", tone(0.5, hz=150, seed=2)[::2], sample_rate=11025)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tts(*arguments):
    return CliRunner().invoke(app, ("convert", *arguments))


def said(*arguments):
    done = tts(*arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments):
    """Call the command line; the one line that it wrote."""
    done = tts(*arguments)
    assert done.exit_code == 1, done.output
    (line,) = done.stderr.strip().splitlines()
    return line


class TestVoice:
    def test_a_recording_keeps_its_whole_hops_and_sounds_the_same_each_time(self, models):
        voice = EndToEndVoice(load_model(models / "whole"))
        recording = tone(0.4, hz=150, seed=1)
        first, second = (voice.convert(recording, source="ann", target="bob") for _ in range(2))
        np.testing.assert_array_equal(first, second)
        assert (first.dtype, len(first)) == (np.float32, len(recording) // HOP * HOP)
        np.testing.assert_allclose(
            voice.convert(recording, source="bob", target="bob"),
            voice.copy(np.zeros((1, 80), np.float32), recording, speaker="bob"),
            atol=1e-5,
        )

    def test_too_short_recordings_are_refused(self, models):
        voice = EndToEndVoice(load_model(models / "whole"))
        with pytest.raises(AudioError, match="has 1023 samples, too few to convert; needs 1024 at least"):
            voice.convert(np.zeros(1023, np.float32), source="ann", target="bob")
        assert len(voice.convert(np.zeros(1024, np.float32), source="ann", target="bob")) == 1024


class TestCommand:
    WHOLE = ("--voice", "whole", "--from", "ann")

    def test_a_folder_becomes_a_folder_of_the_same_shape(self, folder):
        out = said("in", "-o", "out", "--to", "bob", *self.WHOLE)
        assert out == f"convert: wrote out, 2 sounds, {(34 + 43) * HOP / 22050:.1f} s of speech\n"
        sounds = [str(path.relative_to(folder / "out")) for path in sorted((folder / "out").rglob("*.wav"))]
        assert sounds == ["ann/één.wav", "two.wav"]

    def test_a_blend_of_one_speaker_is_that_speaker_and_of_two_is_another(self, folder):
        for place, target in (("a.wav", "bob"), ("b.wav", "bob=2"), ("c.wav", "ann=0.5,bob=0.5")):
            said("in/two.wav", "-o", place, "--to", target, *self.WHOLE)
        one, same, half = (read_audio(folder / f"{name}.wav", sample_rate=22050) for name in "abc")
        np.testing.assert_array_equal(one, same)
        assert np.abs(one - half).max() > 1e-4

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--to", "eve", *WHOLE), "target speaker 'eve' is unknown; the voice has: ann, bob"),
            (("--to", "bob", "--voice", "whole", "--from", "eve"), "source speaker 'eve' is unknown; the voice has:"),
            (("--to", "bob", "--voice", "whole"), "--from must name who speaks in the recordings; the voice has: ann"),
            (("--to", "ann=x", *WHOLE), "--to: 'ann=x' is not a name with a number; write anna=0.5,bert=0.5"),
            (("--to", "ann", "--voice", "alone"), "the voice has one speaker only, so there is nobody to convert to"),
            (("--to", "ann", "--voice", "tiny"), "only end-to-end voices convert, there is: alone, whole"),
            (("--to", "ann", "--voice", "whol"), "did you mean 'whole'?"),
        ],
    )
    def test_what_cannot_be_is_one_line(self, folder, arguments, message):
        assert message in refused("in", "-o", "out", *arguments)
        assert not (folder / "out").exists()

    def test_recordings_too_short_or_too_long_are_named(self, folder):
        for seconds, message in ((0.02, "short.wav: has 441 samples, too few"), (61, "lasts 61 s; cut it into pieces")):
            write_wav(folder / "short.wav", np.zeros(int(seconds * 22050), np.float32), sample_rate=22050)
            assert message in refused("short.wav", "-o", "out.wav", "--to", "bob", *self.WHOLE)
        assert not (folder / "out.wav").exists()

    def test_a_folder_without_recordings_is_refused(self, folder):
        np.save(folder / "in" / "ann" / "mel.npy", np.zeros((3, 80)))
        (folder / "in" / "ann" / "één.wav").unlink()
        assert "holds no file that ends in .wav, .flac" in refused("in/ann", "-o", "out", "--to", "bob", *self.WHOLE)
