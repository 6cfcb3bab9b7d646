"""Styles from training to the report: a small Tacotron 2 learns them, `tts` speaks in them, and they are drawn."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from test_styles import ATTENTIVE as TINY_MODEL
from tiny_voice import INVENTORY, STYLES, SYMBOLS, Letters, tone, write_corpus
from toys import settings
from typer.testing import CliRunner

from pipeline.evaluation import Plan
from pipeline.parallel import ThisProcess
from pipeline.params import VoiceSettings, load_params
from pipeline.paths import Paths
from pipeline.report_curves import read_curve
from pipeline.report_styles import principal, style_part
from pipeline.speaking import VoiceFolders, draw_utterances, in_style, speak_utterances
from pipeline.style_space import STYLES as TABLE
from pipeline.style_space import write_styles
from pipeline.yaml import read_yaml
from stages.app import app
from tts.audio.files import read_audio, write_wav
from tts.config import to_plain
from tts.data.features import CorpusFeatures
from tts.data.tables import UTTERANCES, read_table, write_table
from tts.errors import ConfigError, DataError
from tts.metrics.settings import EvaluateSettings

ROOT = Path(__file__).parents[1]
TERMS = ("mel", "gate", "guided", "diagonality", "kl", "active_units")


def run_in(root, *arguments):
    """What a command gives in a project."""
    here = Path.cwd()
    os.chdir(root)
    try:
        return CliRunner().invoke(app, arguments)
    finally:
        os.chdir(here)


def _write_index(paths):
    """What `tts index` writes beside the table; one clip is for validation."""
    folder = paths.index("tones")
    rows = read_table(folder / "utterances.parquet", UTTERANCES)
    rows[0]["split"] = "validation"
    write_table(folder / "utterances.parquet", rows, UTTERANCES)
    moments = {name: dict.fromkeys(("ann", "bob"), value) for name, value in (("pitch_mean", 5.0), ("pitch_std", 0.2))}
    moments |= {"energy_mean": 3.0, "energy_std": 1.0, "mel_mean": -6.0, "mel_std": 2.0}
    known = {"symbols": SYMBOLS, "speakers": ("ann", "bob"), "styles": STYLES, "statistics": moments}
    for name, value in known.items():
        (folder / f"{name}.json").write_text(json.dumps(value))


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """A project whose voice learned styles for a few steps."""
    found = Paths(tmp_path_factory.mktemp("project"))
    write_corpus(found, "tones")
    _write_index(found)
    model = TINY_MODEL | {"style": "vae", "decoder": TINY_MODEL["decoder"] | {"frames_per_step": 4}}
    terms = dict.fromkeys(TERMS, 1.0) | {"diagonality": 0.0, "active_units": 0.0}
    learned = {"system": "acoustic/tacotron2", "corpus": "tones", "model": model, "loss_weights": terms}
    run = settings(**learned, steps=4, accumulate=1, batch={"size": 2}, ema_decay=None)
    values = read_yaml(ROOT / "presets" / "demo.yaml")
    voice = {"acoustic": "learned", "vocoder": "sound", "corpus": "tones"}
    values |= {
        "corpora": {"tones": {"kind": "demo"}},
        "text": {"frontend": "characters", "lexicon": None},
        "runs": {
            "learned": to_plain(run),
            "sound": to_plain(settings(system="vocoders/griffin_lim", corpus="tones", model={"iterations": 2})),
        },
        "voices": {"tiny": voice},
        "run": {"corpora": ["tones"], "voices": {"tiny": voice}},
    }
    (found.root / "params.yaml").write_text(json.dumps(values))
    (found.root / "runtime.yaml").write_text("workers: 1\nwandb: disabled\nsamples: 0\n")
    done = run_in(found.root, "train", "learned")
    assert done.exit_code == 0, done.output
    _export_vocoder(found)
    return found


def _export_vocoder(paths):
    from tts.interfaces import Inventory
    from tts.training.export import export_model
    from tts.vocoders import griffin_lim

    config, inventory = griffin_lim.Config(iterations=2), Inventory(mel=INVENTORY.mel)
    folder = paths.model("sound")
    folder.mkdir(parents=True)
    network = griffin_lim.SYSTEM.build(config, inventory)
    system = "vocoders/griffin_lim"
    export_model(folder, network, system=system, model=to_plain(config), inventory=inventory, training={})


@pytest.fixture(scope="module")
def folders(paths):
    return VoiceFolders(paths.model("learned"), paths.model("sound"), "cpu")


def test_the_curve_tells_of_each_latent_dimension(paths):
    curve = read_curve(paths.run_curve("learned"))
    nats = [curve[f"validation_kl_{dimension:02d}"][-1][1] for dimension in range(TINY_MODEL["vae"]["dims"])]
    assert sum(nats) == pytest.approx(curve["validation_kl"][-1][1], rel=0.2), "a mean over clips and one over batches"
    assert 0 <= curve["validation_active_units"][-1][1] <= len(nats)


def say(paths, output, *options):
    done = run_in(paths.root, "say", "A bad cab.", "-o", str(output), "--speaker", "ann", *options)
    assert done.exit_code == 0, done.output
    return output.read_bytes()


class TestSay:
    def test_the_same_arguments_give_the_same_bytes_and_others_other_ones(self, paths, tmp_path):
        output = tmp_path / "said.wav"
        mix = ("--style", "calm=0.5,loud=0.5")
        first = say(paths, output, *mix)
        assert say(paths, output, *mix) == first
        assert say(paths, output, *mix, "--seed", "1") != first
        assert say(paths, output, "--style", "calm") == say(paths, output, "--style", "calm=2")

    def test_every_option_is_heard_and_drawn_by_its_seed(self, paths, tmp_path):
        write_wav(tmp_path / "a.wav", tone(1.0, hz=150, seed=1), sample_rate=22050)
        output, ways = tmp_path / "said.wav", {}
        for options in (
            ("--style", "calm"),
            ("--style-reference", str(tmp_path / "a.wav")),
            ("--style", "calm", "--style-dimension", "5=40", "--style-dimension", "2=-40"),
            ("--style", "calm", "--style-temperature", "40"),
        ):
            ways[options] = say(paths, output, *options)
            assert say(paths, output, *options) == ways[options]
        assert len(set(ways.values())) == len(ways)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--style", "angry"), "style 'angry' is unknown; the voice has: calm, loud"),
            (("--style", "calm=0,loud=0"), "the weights of styles sum to 0; give at least one a positive weight"),
            (("--style", "calm=2,loud=-1"), "the weight of style 'loud' is -1; weights are numbers from 0 on"),
            (("--style", "calm=nan,loud=1"), "the weight of style 'calm' is nan, not a finite number"),
            (("--style", "calm=x"), "--style: 'calm=x' is not a name with a number"),
            (("--style", "calm=1,calm=1"), "--style names 'calm' twice"),
            (("--style", "calm", "--style-reference", "a.wav"), "--style and --style-reference contradict each other"),
            (("--style-reference", "none.wav"), "none.wav: does not exist"),
            (("--style-token", "1=1"), "the voice's style is no weights of tokens but a latent vector"),
            (("--style", "calm", "--style-dimension", "6=1"), "no dimension 6; there are 0 to 5"),
            (("--style", "calm", "--energy-db", "3"), "energy_scale 1.41254 has no effect on tacotron2"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_said_is_one_line_and_no_file(self, paths, tmp_path, options, message):
        output = tmp_path / "said.wav"
        done = run_in(paths.root, "say", "A bad cab.", "-o", str(output), "--speaker", "ann", *options)
        assert done.exit_code == 1
        (line,) = [line for line in done.output.splitlines() if line.startswith("error: ")]
        assert message in line
        assert not output.exists()

    def test_a_reference_without_speech_is_one_line(self, paths, tmp_path):
        for name, clip in (("silence", np.zeros(44100, np.float32)), ("short", tone(0.1, hz=150, seed=0))):
            write_wav(tmp_path / f"{name}.wav", clip, sample_rate=22050)
            done = run_in(paths.root, "say", "A.", "-o", "said.wav", "--style-reference", str(tmp_path / f"{name}.wav"))
            assert done.exit_code == 1
            assert f"{name}.wav: 0." in done.output
            assert "s of speech are too few to hear a style in" in done.output


class TestSynthesize:
    def rows(self, paths):
        return draw_utterances(paths.index("tones"), INVENTORY, limit=10)

    def settings(self, style="label"):
        return VoiceSettings(acoustic="learned", vocoder="sound", corpus="tones", style=style)

    def test_labels_mixes_and_recordings_are_spoken(self, paths, folders, tmp_path):
        heard = {}
        for name, style in (("label", "label"), ("mix", {"calm": 1.0, "loud": 3.0}), ("recording", "recording")):
            rows = in_style(self.rows(paths), self.settings(style), folders, paths)
            (tmp_path / name).mkdir()
            folder = tmp_path / name
            assert speak_utterances(rows, folders, Letters(), folder, executor=ThisProcess(), label="test") == []
            heard[name] = np.concatenate([read_audio(file, sample_rate=22050) for file in sorted(folder.glob("*.wav"))])
        assert not np.array_equal(heard["label"], heard["mix"])
        assert not np.array_equal(heard["label"], heard["recording"])

    def test_a_label_stays_a_mix_is_the_same_for_all_and_a_recording_is_its_own(self, paths, folders):
        rows = self.rows(paths)
        assert in_style(rows, self.settings(), folders, paths) == rows
        mixed = in_style(rows, self.settings({"calm": 1.0}), folders, paths)
        assert [row["style"] for row in mixed] == [{"calm": 1.0}] * len(rows)
        features = CorpusFeatures(paths.corpus("tones"), paths.mel("tones"), index=paths.index("tones"))
        for row in in_style(rows, self.settings("recording"), folders, paths):
            audio = features.audio(row["utterance_id"])
            np.testing.assert_allclose(row["style"], folders.load().styles.of_recordings([audio]), atol=1e-4)

    def test_a_style_that_the_voice_lacks_is_refused(self, paths, folders):
        with pytest.raises(ConfigError, match="style 'angry' is unknown; the voice has: calm, loud"):
            in_style(self.rows(paths), self.settings({"angry": 1.0}), folders, paths)

    @pytest.mark.parametrize("style", ["recordings", ["calm"], {"calm": "much"}])
    def test_params_take_label_recording_or_a_mix(self, paths, tmp_path, style):
        values = json.loads((paths.root / "params.yaml").read_text())
        for place in (values["voices"], values["run"]["voices"]):
            place["tiny"] = place["tiny"] | {"style": style}
        (tmp_path / "params.yaml").write_text(json.dumps(values))
        with pytest.raises(ConfigError, match=r"voices\.tiny\.style"):
            load_params(tmp_path)


class TestPicture:
    @pytest.fixture
    def plan(self, paths, folders):
        return Plan(
            voice=folders,
            spoken=paths.audio("tiny"),
            corpus=paths.corpus("tones"),
            mel=paths.mel("tones"),
            prosody=paths.prosody("tones"),
            index=paths.index("tones"),
            settings=EvaluateSettings(),
        )

    def test_styles_of_clips_are_kept_and_drawn_with_their_labels(self, plan, folders, tmp_path):
        write_styles(plan, tmp_path)
        rows = read_table(tmp_path / "styles.parquet", TABLE)
        assert [row["split"] for row in rows] == ["train"] * 2 + ["test"] * 3
        mel = plan.features().mel(rows[0]["utterance_id"])
        np.testing.assert_allclose(rows[0]["vector"], folders.load().styles.of_mels([mel])[0], atol=1e-6)
        html = style_part(tmp_path / "styles.parquet")
        assert html.count("<circle") == 5
        assert html.count('fill="none"') == 3
        assert "calm</span>" in html
        assert "2 training clips" in html
        assert "of test clips, " in html.lower()

    def test_a_voice_that_hears_none_has_no_picture(self, plan, tmp_path, monkeypatch):
        monkeypatch.setattr(plan.voice.load().styles, "learned", False)
        write_styles(plan, tmp_path)
        assert list(tmp_path.iterdir()) == []
        assert style_part(tmp_path / "styles.parquet") == ""

    def test_places_are_those_of_greatest_variance(self):
        rng = np.random.default_rng(0)
        basis, _ = np.linalg.qr(rng.normal(size=(6, 6)))
        coordinates = rng.normal(size=(50, 6)) * (9, 4, 0.1, 0.1, 0.1, 0.1)
        vectors = coordinates @ basis + 3
        places, share = principal(vectors, vectors)
        assert share == pytest.approx(np.square(vectors - vectors.mean(0)).sum() ** -1 * np.square(places).sum())
        assert share > 0.99
        assert abs(np.corrcoef(places[:, 0], coordinates[:, 0])[0, 1]) > 0.99
        np.testing.assert_allclose(places.mean(axis=0), 0, atol=1e-9)
        flipped, _ = principal(vectors, vectors[::-1])
        np.testing.assert_allclose(flipped, places, atol=1e-9)

    def test_clips_alike_or_few_are_placed(self):
        places, share = principal(np.ones((3, 4)), np.ones((1, 4)))
        assert not places.any()
        assert share == 0

    def test_styles_may_be_told_among_the_clips_of_a_speaker_only(self, tmp_path):
        """One speaker's calm is where the other's loud is."""
        places = {("ann", "calm"): 0.0, ("ann", "loud"): 1.9, ("bob", "calm"): 2.2, ("bob", "loud"): 4.0}
        rows = [
            {"utterance_id": f"{i}", "split": split, "speaker": speaker, "style": style, "vector": [place, i / 100]}
            for i, split in enumerate(("train", "test"))
            for (speaker, style), place in places.items()
        ]
        write_table(tmp_path / "styles.parquet", rows, TABLE)
        html = style_part(tmp_path / "styles.parquet")
        assert "Of test clips, 50% lie nearest" in html
        assert "and 100% where only clips of their own speaker count" in html


def test_a_split_without_clips_is_named(paths):
    with pytest.raises(DataError, match="the dev split has no clip"):
        draw_utterances(paths.index("tones"), INVENTORY, limit=9, split="dev")
