"""Vocoders alone: mels in pieces, recordings and saved mels from files, mels of other toolkits."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_voice import MEL_DEFINITION, tone
from torch import nn

from pipeline.vocoding import find_places, read_mel, vocode_files
from stages import vocode
from tts.audio.conventions import CONVENTIONS, converted
from tts.audio.files import read_audio, write_wav
from tts.config import to_plain
from tts.errors import AudioError, CheckpointError, ConfigError
from tts.interfaces import Inventory
from tts.layers.discriminators import DiscriminatorConfig
from tts.training.export import export_model
from tts.vocoders import griffin_lim, hifigan, parallel_wavegan, waveglow
from tts.vocoding import Context, LongVocoder, context_of

HOP = MEL_DEFINITION.hop_length
TINY = hifigan.Config(
    channels=16,
    upsample_rates=(16, 16),
    upsample_kernels=(32, 32),
    resblock="2",
    resblock_kernels=(3,),
    resblock_dilations=((1, 3),),
    discriminator=DiscriminatorConfig(periods=(2,), period_channels=(2, 2, 2, 2, 2), scales=0),
)


def tiny_hifigan():
    torch.manual_seed(0)
    return hifigan.HifiGan(TINY, Inventory(mel=MEL_DEFINITION)).eval()


@pytest.fixture(scope="module")
def vocoder():
    return LongVocoder(tiny_hifigan(), MEL_DEFINITION)


def random_mel(num_frames, seed=0):
    return np.random.default_rng(seed).uniform(-9, 1, (num_frames, 80)).astype(np.float32)


def whole(network, mel):
    with torch.inference_mode():
        return network(torch.from_numpy(mel.T.copy())[None])[0].numpy()


class Smoothing(nn.Module):
    """A vocoder that sees `width` frames, the last of them `behind` after its own."""

    def __init__(self, width, behind):
        super().__init__()
        self.width, self.behind = width, behind
        self.register_buffer("device_of", torch.zeros(1))

    def forward(self, mel):
        padded = nn.functional.pad(mel[:, :1], (self.width - 1 - self.behind, self.behind))
        frames = nn.functional.avg_pool1d(padded, self.width, 1)[:, 0]
        return frames.repeat_interleave(HOP, dim=1)


@pytest.mark.parametrize(("width", "behind"), [(1, 0), (4, 1), (9, 8), (40, 20), (200, 100)])
def test_the_context_is_what_the_network_sees(width, behind):
    assert context_of(Smoothing(width, behind), MEL_DEFINITION) == Context(left=width - 1 - behind, right=behind)


def test_without_a_bound_or_with_noise_there_is_no_context():
    class Noisy(Smoothing):
        def forward(self, mel):
            return super().forward(mel) + torch.randn(mel.shape[2] * HOP)

    assert context_of(Smoothing(400, 200), MEL_DEFINITION) is None
    assert context_of(Noisy(3, 1), MEL_DEFINITION) is None
    found = griffin_lim.GriffinLim(griffin_lim.Config(iterations=2), Inventory(mel=MEL_DEFINITION))
    assert context_of(found, MEL_DEFINITION) is None


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 70), max_size=9))
def test_pieces_of_any_length_make_the_whole(vocoder, cuts):
    mel = random_mel(70)
    pieces = np.split(mel, sorted(cuts))
    expected = whole(vocoder._network, mel)
    np.testing.assert_allclose(np.concatenate(list(vocoder.stream(pieces))), expected, atol=1e-6)


def speaking_from_noise(kind):
    """A small vocoder that draws noise, with weights under which it is heard."""
    torch.manual_seed(0)
    inventory = Inventory(mel=MEL_DEFINITION)
    if kind == "parallel_wavegan":
        sizes = {"layers": 4, "stacks": 2, "residual_channels": 8, "gate_channels": 16, "skip_channels": 8}
        return parallel_wavegan.ParallelWaveGan(parallel_wavegan.Config(**sizes), inventory).eval()
    config = waveglow.Config(steps=2, early_every=1, layers=2, channels=8, upsample_kernel=512)
    network = waveglow.WaveGlow(config, inventory).eval()
    for coupling in network.couplings:
        torch.nn.init.normal_(coupling.end.weight, std=0.05)
    return network


@pytest.mark.parametrize("kind", ["parallel_wavegan", "waveglow"])
def test_vocoders_that_draw_noise_speak_pieces_that_make_the_whole(kind):
    network, mel = speaking_from_noise(kind), random_mel(60)
    found = LongVocoder(network, MEL_DEFINITION)
    assert found.context is not None
    pieces = list(found.stream(np.split(mel, [20, 21, 45])))
    assert len(pieces) > 1
    expected = whole(network, mel)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(np.concatenate(pieces), expected, atol=1e-5)


def test_sounds_come_as_soon_as_they_are_sure(vocoder):
    mel, right = random_mel(40), vocoder.context.right
    told = []

    def pieces():
        for start in range(0, 40, 10):
            told.append(start)
            yield mel[start : start + 10]

    first = next(vocoder.stream(pieces()))
    assert told == [0, 10], "one piece ahead, to know whether there is another"
    assert len(first) == (10 - right) * HOP


def test_long_mels_are_spoken_in_pieces(vocoder, monkeypatch):
    mel, sizes, vocode_piece = random_mel(200), [], vocoder._vocode
    monkeypatch.setattr("tts.vocoding._PIECE_FRAMES", 50)
    monkeypatch.setattr(vocoder, "_vocode", lambda piece, at: sizes.append(len(piece)) or vocode_piece(piece, at))
    np.testing.assert_allclose(vocoder(mel), whole(vocoder._network, mel), atol=1e-6)
    assert max(sizes) <= 50 + vocoder.context.left + vocoder.context.right


def test_without_a_context_all_comes_at_the_end():
    network = griffin_lim.GriffinLim(griffin_lim.Config(iterations=2), Inventory(mel=MEL_DEFINITION))
    found = LongVocoder(network, MEL_DEFINITION)
    mel = random_mel(30)
    (sound,) = found.stream(np.split(mel, [7, 20]))
    np.testing.assert_array_equal(sound, found(mel))


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path):
        """Two recordings of other rates, one in a folder of its own, and a mel saved each way."""
        (tmp_path / "in" / "ann").mkdir(parents=True)
        write_wav(tmp_path / "in" / "ann" / "één.wav", tone(0.4, hz=150, seed=1), sample_rate=22050)
        write_wav(tmp_path / "in" / "two.wav", tone(0.5, hz=150, seed=2)[::2], sample_rate=11025)
        np.save(tmp_path / "in" / "mel.npy", random_mel(12).T)
        np.save(tmp_path / "in" / "turned.npy", random_mel(12)[None])
        return tmp_path

    def test_a_folder_becomes_a_folder_of_the_same_shape(self, folder, vocoder):
        places = find_places(folder / "in", folder / "out")
        seconds = vocode_files(places, vocoder)
        sounds = sorted(str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*.wav"))
        assert sounds == ["ann/één.wav", "mel.wav", "turned.wav", "two.wav"]
        lengths = {name: len(read_audio(folder / "out" / name, sample_rate=22050)) for name in sounds}
        assert lengths["ann/één.wav"] == int(0.4 * 22050) // HOP * HOP
        assert lengths["mel.wav"] == lengths["turned.wav"] == 12 * HOP
        assert seconds == sum(lengths.values()) / 22050
        assert (folder / "out" / "mel.wav").read_bytes() == (folder / "out" / "turned.wav").read_bytes()

    def test_a_recording_is_spoken_from_its_own_mel(self, folder, vocoder):
        mel = read_mel(folder / "in" / "two.wav", MEL_DEFINITION)
        (place,) = find_places(folder / "in" / "two.wav", folder / "new" / "a.wav")
        vocode_files([place], vocoder)
        found = read_audio(folder / "new" / "a.wav", sample_rate=22050)
        np.testing.assert_allclose(found, np.clip(whole(vocoder._network, mel), -1, 1), atol=1e-4)

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.zeros((7, 60)), r"has shape \(7, 60\), where one mel has \[80, frames\] or \[frames, 80\]"),
            (np.zeros((2, 80, 60)), r"has shape \(2, 80, 60\)"),
            (np.zeros((80, 0)), r"has shape \(80, 0\)"),
            (np.where(np.arange(960).reshape(12, 80) == 333, np.nan, 0), "frame 4 holds NaN or infinity"),
            (np.array([{"a": 1}]), "cannot be read as an array"),
        ],
    )
    def test_arrays_that_are_no_mel_are_refused(self, tmp_path, array, message):
        np.save(tmp_path / "bad.npy", array, allow_pickle=True)
        with pytest.raises(AudioError, match=message):
            read_mel(tmp_path / "bad.npy", MEL_DEFINITION)

    def test_files_that_are_no_array_are_refused(self, tmp_path):
        (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY")
        with pytest.raises(AudioError, match="cannot be read as an array"):
            read_mel(tmp_path / "bad.npy", MEL_DEFINITION)
        with pytest.raises(AudioError, match=r"absent\.npy: does not exist"):
            read_mel(tmp_path / "absent.npy", MEL_DEFINITION)

    def test_places_that_cannot_be_are_refused(self, folder):
        with pytest.raises(ConfigError, match="would replace a recording that it is made of"):
            find_places(folder / "in", folder / "in")
        np.save(folder / "in" / "two.npy", random_mel(3))
        with pytest.raises(ConfigError, match=r"two.npy and .*two.wav would both become .*out/two.wav"):
            find_places(folder / "in", folder / "out")
        (folder / "empty").mkdir()
        with pytest.raises(ConfigError, match=r"holds no file that ends in \.wav, .*, \.npy"):
            find_places(folder / "empty", folder / "out")


class TestConventions:
    @pytest.mark.parametrize("name", CONVENTIONS)
    def test_a_convention_is_itself_in_another_unit(self, name):
        mel = random_mel(3)
        found = converted(mel, CONVENTIONS[name], CONVENTIONS[name].definition, what="both")
        assert np.array_equal(found, mel) == (name != "melgan")

    def test_melgan_writes_decimal_logarithms(self):
        convention = CONVENTIONS["melgan"]
        found = converted(np.log10(np.float32([0.5])), convention, convention.definition, what="both")
        np.testing.assert_allclose(found, np.log([0.5]), rtol=1e-6)

    @pytest.mark.parametrize(
        ("name", "fields"),
        [("tacotron2", "framing hifigan against centered"), ("melgan", "f_max 8000.0 against 11025")],
    )
    def test_what_arithmetic_does_not_mend_is_refused(self, name, fields):
        with pytest.raises(ConfigError, match=fields):
            converted(random_mel(3), CONVENTIONS[name], MEL_DEFINITION, what="the vocoder and a.npy")

    def test_unknown_ones_name_those_there_are(self, tmp_path):
        np.save(tmp_path / "a.npy", random_mel(3))
        with pytest.raises(ConfigError, match="'espnet' is unknown; there is: hifigan, tacotron2, vits2, melgan"):
            read_mel(tmp_path / "a.npy", MEL_DEFINITION, "espnet")


class TestCommand:
    @pytest.fixture
    def project(self, tmp_path, monkeypatch):
        (tmp_path / "runtime.yaml").write_text(json.dumps({"workers": 1, "device": "cpu"}))
        (tmp_path / "models" / "tiny").mkdir(parents=True)
        export_model(
            tmp_path / "models" / "tiny",
            tiny_hifigan(),
            system="vocoders/hifigan",
            model=to_plain(TINY),
            inventory=Inventory(mel=MEL_DEFINITION),
            training={},
        )
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def test_it_says_what_it_wrote(self, project, capsys):
        np.save("mel.npy", random_mel(12))
        vocode.run(project / "mel.npy", output=project / "mel.wav", name="tiny", convention="hifigan")
        assert capsys.readouterr().out.endswith("mel.wav, 1 sounds, 0.1 s of speech\n")

    def test_a_run_that_is_not_there_is_said(self, project):
        np.save("mel.npy", random_mel(12))
        with pytest.raises(CheckpointError, match="models/tony"):
            vocode.run(project / "mel.npy", output=project / "mel.wav", name="tony", convention=None)
