"""Styles of a voice: named, mixed, heard in recordings, moved and drawn, in Python and by `tts say`."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tiny_voice import INVENTORY, MEL_DEFINITION, Letters, tone

from pipeline.voice_options import StyleOptions
from tts.acoustic import fastspeech, fastspeech2, gst_tacotron, tacotron2
from tts.audio.files import write_wav
from tts.audio.spectrogram import mel_spectrogram
from tts.config import build
from tts.errors import AudioError, ConfigError
from tts.interfaces import AcousticBatch, Inventory
from tts.layers.style import StyleCentroids
from tts.models import LoadedModel
from tts.synthesis import Line, Synthesizer, Voice
from tts.vocoders import griffin_lim

STYLES = ("calm", "loud", "sad")
THREE = dataclasses.replace(INVENTORY, styles=STYLES)
LINE = Line(("sil", *"hello", "sil"), "ann")

_STACK = {"layers": 1, "heads": 1, "filter": 16, "kernels": [3, 1]}
_SMALL = {"hidden": 16, "encoder": _STACK, "decoder": _STACK}
_REFERENCE = {"filters": [4, 6], "hidden": 8}
ATTENTIVE = {
    "encoder": {"hidden": 16, "layers": 1},
    "decoder": {
        "prenet": [12, 8],
        "attention_rnn": 16,
        "rnn": 16,
        "attention": {"hidden": 8, "filters": 4, "kernel": 5},
    },
    "postnet": None,
    "vae": {"reference": _REFERENCE, "dims": 6},
    "gst": {"reference": _REFERENCE, "tokens": 5, "heads": 2, "width": 16},
    "speaking": {"max_frames_per_phone": 4},
}
TACOTRON = {
    "encoder": {"symbols": 12, "prenet": [12, 8], "cbhg": {"kernels": 3, "bank": 6, "projection": 8, "hidden": 8}},
    "decoder": {"prenet": [12, 8], "attention_rnn": 16, "rnn": 16, "attention": {"hidden": 8, "filters": 0}},
    "postnet": None,
    "gst": {"reference": _REFERENCE, "tokens": 5, "heads": 2, "width": 16},
    "prosody": {"reference": _REFERENCE, "dims": 6},
    "speaking": {"max_frames_per_phone": 4},
}
SYSTEMS = {
    "fastspeech": (fastspeech, _SMALL),
    "fastspeech2": (fastspeech2, _SMALL),
    "table": (tacotron2, ATTENTIVE),
    "vae": (tacotron2, ATTENTIVE | {"style": "vae"}),
    "gst": (tacotron2, ATTENTIVE | {"style": "gst"}),
    "tacotron-tokens": (gst_tacotron, TACOTRON | {"style": "gst"}),
    "tacotron-prosody": (gst_tacotron, TACOTRON | {"style": "prosody"}),
}
LEARNED = ("vae", "gst", "tacotron-tokens", "tacotron-prosody")


def clips(count=4):
    return [tone(0.9 + 0.2 * i, hz=110 + 40 * i, seed=i) for i in range(count)]


def mel_of(waveform):
    return mel_spectrogram(torch.from_numpy(waveform)[None], MEL_DEFINITION)[0].T


def batch_of(waveforms, style_ids):
    """What a network that takes styles of its training clips reads; nothing but mels matters."""
    mels = [mel_of(each) for each in waveforms]
    count = len(mels)
    empty = torch.zeros(count, 1)
    return AcousticBatch(
        utterance_ids=tuple(map(str, range(count))),
        phones=empty.long(),
        phone_lengths=torch.ones(count, dtype=torch.int64),
        mel=torch.nn.utils.rnn.pad_sequence(mels, batch_first=True),
        mel_lengths=torch.tensor([len(mel) for mel in mels]),
        durations=empty.long(),
        pitch=empty,
        energy=empty,
        speaker_ids=torch.zeros(count, dtype=torch.int64),
        style_ids=torch.tensor(style_ids),
    )


def network_of(name, inventory=THREE):
    module, settings = SYSTEMS[name]
    config = build(module.Config, settings, where="test")
    torch.manual_seed(0)
    network = module.SYSTEM.build(config, inventory)
    for part, parameter in network.named_parameters():  # untrained, they would end at once
        if part in ("durations.output.bias", "variance.durations.output.bias"):
            torch.nn.init.constant_(parameter, 2.0)
        if part == "decoder.gate.bias":
            torch.nn.init.constant_(parameter, -9.0)
    network.eval()
    if isinstance(network.styles, StyleCentroids):
        ids = [0, 1, 2, 0] if len(inventory.styles) == 3 else [0, 0, 0, 0]
        network.finish([batch_of(clips(), ids)])
    return network, config


def voice_of(name, inventory=THREE):
    network, config = network_of(name, inventory)
    quick = griffin_lim.Config(iterations=2)
    vocoder = griffin_lim.SYSTEM.build(quick, Inventory(mel=MEL_DEFINITION))
    system = f"acoustic/{SYSTEMS[name][0].__name__.rpartition('.')[2]}"
    return Voice(
        LoadedModel(system, "acoustic", config, inventory, network.requires_grad_(requires_grad=False)),
        LoadedModel("vocoders/griffin_lim", "vocoder", quick, Inventory(mel=MEL_DEFINITION), vocoder),
    )


@pytest.fixture(scope="module")
def voices():
    return {name: voice_of(name) for name in SYSTEMS}


def said(voice, style, **values):
    (speech,) = voice.speak([dataclasses.replace(LINE, style=style)], **values)
    return speech.waveform


over_systems = pytest.mark.parametrize("name", SYSTEMS)
over_learned = pytest.mark.parametrize("name", LEARNED)


class TestMixes:
    @over_systems
    def test_all_of_one_style_is_that_style_exactly(self, voices, name):
        voice = voices[name]
        plain = said(voice, "loud")
        for same in ({"loud": 1.0}, {"loud": 3}, {"calm": 0, "loud": 2.5, "sad": 0}, voice.styles.vector("loud")):
            np.testing.assert_array_equal(said(voice, same), plain)

    @over_systems
    def test_styles_sound_different_and_a_mix_like_none_of_them(self, voices, name):
        heard = [said(voices[name], style) for style in ("calm", "loud", {"calm": 0.5, "loud": 0.5})]
        for i in range(3):
            assert not np.array_equal(heard[i], heard[i - 1])

    @over_systems
    @given(weights=st.lists(st.floats(0.01, 10), min_size=3, max_size=3))
    @hypothesis_settings(max_examples=10, deadline=None)
    def test_a_mix_is_linear_and_its_weights_are_made_to_sum_to_one(self, voices, name, weights):
        styles = voices[name].styles
        found = np.array(styles.vector(dict(zip(STYLES, weights, strict=True))))
        named = np.array([styles.vector(each) for each in STYLES])
        np.testing.assert_allclose(found, np.array(weights) / sum(weights) @ named, atol=1e-5)

    def test_lines_of_all_kinds_of_styles_share_a_batch_and_sound_as_alone(self, voices):
        voice = voices["vae"]
        styles = ["calm", {"calm": 0.25, "sad": 0.75}, voice.styles.of_recordings(clips(1)), "loud"]
        lines = [dataclasses.replace(LINE, style=style) for style in styles]
        for line, speech in zip(lines, voice.speak(lines), strict=True):
            np.testing.assert_allclose(voice.speak([line])[0].waveform, speech.waveform, atol=2e-4)

    @pytest.mark.parametrize(
        ("mix", "message"),
        [
            ({"calm": 0.5, "angry": 0.5}, "style 'angry' is unknown; the voice has: calm, loud, sad"),
            ({"calm": 0.0, "loud": 0.0}, "the weights of styles sum to 0; give at least one a positive weight"),
            ({}, "the weights of styles sum to 0"),
            ({"calm": 1.5, "loud": -0.5}, "the weight of style 'loud' is -0.5; weights are numbers from 0 on"),
            ({"calm": math.nan, "loud": 1.0}, "the weight of style 'calm' is nan, not a finite number"),
            ((1.0, 2.0), "a style of this voice has 16 dimensions, not 2"),
            ("angry", "style 'angry' is unknown; the voice has: calm, loud, sad$"),
            (None, "style must be named; the voice has: calm, loud, sad"),
        ],
    )
    def test_what_is_no_style_is_told(self, voices, mix, message):
        with pytest.raises(ConfigError, match=message):
            said(voices["fastspeech2"], mix)


class TestOneStyle:
    """Voices of corpora that label no styles."""

    ONE = dataclasses.replace(INVENTORY, styles=("neutral",))

    @pytest.mark.parametrize("name", ["fastspeech2", "table", "vae"])
    def test_it_need_not_be_named_and_others_are_unknown(self, name):
        voice = voice_of(name, self.ONE)
        np.testing.assert_array_equal(said(voice, None), said(voice, {"neutral": 2.0}))
        for style in ("calm", {"neutral": 1.0, "calm": 1.0}):
            with pytest.raises(
                ConfigError, match=r"'calm' is unknown; the voice has: neutral; .*where the corpus labels"
            ):
                said(voice, style)

    def test_a_table_of_one_has_no_vector(self):
        with pytest.raises(ConfigError, match="the voice has one style, 'neutral', and no vector of it"):
            voice_of("fastspeech2", self.ONE).styles.vector("neutral")

    def test_a_learned_one_is_still_heard_in_recordings(self):
        voice = voice_of("vae", self.ONE)
        assert not np.array_equal(said(voice, voice.styles.of_recordings(clips(1))), said(voice, None))


class TestReferences:
    @over_learned
    def test_a_recording_has_the_style_that_its_clip_has_in_training(self, voices, name):
        styles, waveforms = voices[name].styles, clips()
        network, _ = network_of(name)
        batch = batch_of(waveforms, [0, 1, 2, 0])
        with torch.no_grad():
            trained = network.encode_style(batch.mel, batch.mel_lengths).numpy()
        for i, waveform in enumerate(waveforms):
            np.testing.assert_allclose(styles.of_recordings([waveform]), trained[i], atol=1e-5)
        np.testing.assert_allclose(styles.vector("loud"), trained[1], atol=1e-5)
        np.testing.assert_allclose(styles.vector("calm"), (trained[0] + trained[3]) / 2, atol=1e-5)

    @over_learned
    def test_a_padded_batch_of_references_is_each_alone_and_several_are_their_mean(self, voices, name):
        styles = voices[name].styles
        mels = [mel_of(each).numpy() for each in clips()]
        alone = np.concatenate([styles.of_mels([mel]) for mel in mels])
        np.testing.assert_allclose(styles.of_mels(mels), alone, atol=1e-5)
        np.testing.assert_allclose(styles.of_recordings(clips()), alone.mean(axis=0), atol=1e-6)

    @pytest.mark.parametrize("name", ["fastspeech", "fastspeech2", "table"])
    def test_who_knows_styles_by_name_says_who_hears_them(self, voices, name):
        message = (
            "by name only: calm, loud, sad; .* from recordings: acoustic/gst_tacotron, "
            "or acoustic/tacotron2 with model.style 'vae' or 'gst'"
        )
        styles = voices[name].styles
        assert not styles.learned
        for ask in (
            lambda: styles.of_recordings(clips(1)),
            lambda: styles.of_tokens({(None, 0): 1.0}),
            lambda: styles.varied("calm", temperature=1.0),
        ):
            with pytest.raises(ConfigError, match=message):
                ask()

    @pytest.mark.parametrize(
        ("waveform", "seconds"),
        [
            (np.zeros(3 * 22050, np.float32), "0.0"),
            (tone(0.1, hz=200, seed=0), "0.1"),
            (np.zeros(0, np.float32), "0.0"),
        ],
        ids=["silence", "a tenth of a second", "nothing"],
    )
    def test_a_reference_with_too_little_speech_is_refused(self, voices, waveform, seconds):
        with pytest.raises(
            AudioError, match=f"{seconds} s of speech are too few to hear a style in; give 0.5 s or more"
        ):
            voices["vae"].styles.of_recordings([clips(1)[0], waveform])


class TestVectors:
    def test_tokens_are_weighted_alone_in_one_head_or_in_all(self, voices):
        styles = voices["gst"].styles
        found = np.reshape(styles.of_tokens({(None, 3): 0.4, (1, 0): 0.1}), (2, 5))
        np.testing.assert_allclose(found, [[0, 0, 0, 0.4, 0], [0.1, 0, 0, 0.4, 0]], atol=1e-7)
        assert len(said(voices["gst"], styles.of_tokens({(None, 3): 0.4})))

    @over_learned
    def test_dimensions_are_moved_by_deviations_of_training_clips(self, voices, name):
        styles = voices[name].styles
        trained = styles.of_mels([mel_of(each).numpy() for each in clips()])
        moved = np.array(styles.varied("calm", offsets={2: -1.5, 0: 2.0})) - styles.vector("calm")
        expected = np.zeros(len(moved))
        expected[[2, 0]] = trained.std(axis=0)[[2, 0]] * (-1.5, 2.0)
        np.testing.assert_allclose(moved, expected, atol=1e-5)

    @over_learned
    def test_a_drawn_style_strays_as_far_as_training_clips_times_the_temperature(self, voices, name):
        styles = voices[name].styles
        draws = np.array([styles.varied("loud", temperature=0.5, seed=seed) for seed in range(800)])
        trained = styles.of_mels([mel_of(each).numpy() for each in clips()])
        deviation = trained.std(axis=0)
        np.testing.assert_allclose(draws.std(axis=0), 0.5 * deviation, rtol=0.15, atol=1e-6)
        np.testing.assert_allclose(draws.mean(axis=0), styles.vector("loud"), atol=0.1 * deviation.max())
        assert styles.varied("loud", temperature=0.5, seed=3) == tuple(draws[3].tolist())
        assert styles.varied("loud") == styles.vector("loud")

    @pytest.mark.parametrize(
        ("ask", "message"),
        [
            (lambda v: v["vae"].styles.varied("calm", offsets={6: 1.0}), "no dimension 6; there are 0 to 5"),
            (lambda v: v["vae"].styles.varied("calm", offsets={0: math.inf}), "dimension 0 is inf, not a finite"),
            (lambda v: v["vae"].styles.varied("calm", temperature=-1), "style is a number from 0 on, not -1"),
            (lambda v: v["vae"].styles.of_tokens({(None, 0): 1}), "no weights of tokens but a latent vector"),
            (lambda v: v["gst"].styles.of_tokens({(None, 5): 1}), "no token 5; there are 0 to 4"),
            (lambda v: v["gst"].styles.of_tokens({(2, 0): 1}), "no head 2; there are 0 to 1"),
            (lambda v: v["gst"].styles.of_tokens({(0, 0): math.nan}), "token 0 is nan, not a finite number"),
        ],
    )  # fmt: skip
    def test_what_there_is_not_is_told(self, voices, ask, message):
        with pytest.raises(ConfigError, match=message):
            ask(voices)


class TestSeeds:
    def test_a_line_sounds_the_same_each_time_and_other_with_another_seed(self, voices):
        first = said(voices["vae"], "calm")
        torch.rand(5)
        np.testing.assert_array_equal(said(voices["vae"], "calm"), first)
        assert not np.array_equal(said(voices["vae"], "calm", seed=1), first)

    def test_what_others_draw_is_left_alone(self, voices):
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        said(voices["vae"], "calm")
        assert torch.equal(torch.rand(3), expected)


class TestOptions:
    """What `tts say` is told."""

    def test_a_mix_a_name_and_nothing_are_read(self, voices):
        voice = voices["vae"]
        assert StyleOptions("calm = 0.25, sad=.75").of(voice) == {"calm": 0.25, "sad": 0.75}
        assert StyleOptions("calm").of(voice) == "calm"
        assert StyleOptions().of(voice) is None

    def test_a_name_may_hold_a_sign_of_equality(self):
        names = dataclasses.replace(INVENTORY, styles=("a=1", "b"))
        voice = voice_of("fastspeech2", names)
        assert StyleOptions("a=1").of(voice) == "a=1"
        assert StyleOptions("a=1=0.5,b=0.5").of(voice) == {"a=1": 0.5, "b": 0.5}

    def test_references_are_read_and_averaged(self, voices, tmp_path):
        waveforms = clips(2)
        for i, waveform in enumerate(waveforms):
            write_wav(tmp_path / f"{i}.wav", waveform, sample_rate=22050)
        found = StyleOptions(references=[tmp_path / "0.wav", tmp_path / "1.wav"]).of(voices["vae"])
        np.testing.assert_allclose(found, voices["vae"].styles.of_recordings(waveforms), atol=1e-2)

    def test_tokens_dimensions_and_temperature_are_read(self, voices):
        vae, gst = voices["vae"], voices["gst"]
        assert StyleOptions(tokens=["3=0.4", "1:0=-0.1"]).of(gst) == gst.styles.of_tokens(
            {(None, 3): 0.4, (1, 0): -0.1}
        )
        moved = StyleOptions("calm=1", dimensions=["5=-2", "0=1e-1"], temperature=0.5, seed=4).of(vae)
        assert moved == vae.styles.varied("calm", offsets={5: -2.0, 0: 0.1}, temperature=0.5, seed=4)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"style": "calm=0.5,calm=0.5"}, "--style names 'calm' twice; give it one number"),
            ({"style": "calm=0.5,loud"}, "--style: 'loud' is not a name with a number; write calm=0.3,lively=0.7"),
            ({"style": "calm=lots"}, "--style: 'calm=lots' is not a name with a number"),
            ({"style": "calm=0.5,"}, "--style: '' is not a name with a number"),
            ({"tokens": ["x=1"]}, "'x' is no number of a token, head or dimension; they are counted from 0"),
            ({"tokens": ["-1=1"]}, "'-1' is no number of a token"),
            ({"tokens": ["3=1", "3=2"]}, "--style-token names '3' twice"),
            ({"dimensions": ["5"]}, "--style-dimension: '5' is not a name with a number; write 5=2.0"),
        ],
    )
    def test_what_cannot_be_read_is_told(self, voices, options, message):
        with pytest.raises(ConfigError, match=message):
            StyleOptions(**options).of(voices["gst"])

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"style": "calm", "references": ["a.wav"]}, "--style and --style-reference"),
            ({"style": "calm", "tokens": ["1=1"]}, "--style and --style-token"),
        ],
    )
    def test_ways_to_say_it_contradict_each_other(self, options, named):
        with pytest.raises(ConfigError, match=f"{named} contradict each other; give one of them"):
            StyleOptions(**options)

    def test_a_silent_reference_is_named(self, voices, tmp_path):
        write_wav(tmp_path / "still.wav", np.zeros(22050, np.float32), sample_rate=22050)
        with pytest.raises(AudioError, match=r"still\.wav: 0\.0 s of speech are too few to hear a style in"):
            StyleOptions(references=[tmp_path / "still.wav"]).of(voices["vae"])


def test_a_text_is_said_in_a_mix_sentence_by_sentence(voices):
    synthesizer = Synthesizer(voices["vae"], Letters())
    mix = {"calm": 0.5, "loud": 0.5}
    together = synthesizer.say("Hello. A bold cab!", language="en", speaker="ann", style=mix)
    alone = [synthesizer.say(each, language="en", speaker="ann", style=mix) for each in ("Hello.", "A bold cab!")]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=2e-4)
