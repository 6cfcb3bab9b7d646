"""Alignments in the report: which clips are shown and why, and pictures in which phones stand where they are."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from PIL import Image
from tiny_voice import MEL_DEFINITION, write_alignments, write_corpus

from pipeline.paths import Paths
from pipeline.report_alignment import alignment_section
from pipeline.report_clip import ClipPicture, Melodies, clip_svg
from pipeline.report_pictures import envelope, mel_png, small_sound
from tts.alignment.intervals import Interval
from tts.data.tables import PHONES, QUALITY, read_table, write_table
from tts.errors import DataError

RATE = MEL_DEFINITION.sample_rate


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    found = Paths(tmp_path_factory.mktemp("project"))
    write_corpus(found, "known")
    write_alignments(found, "known")
    write_corpus(found, "unknown")
    write_alignments(found, "unknown", likelihoods=False)
    return found


def section_of(paths, corpus):
    return alignment_section(paths.corpus(corpus), paths.alignments(corpus), MEL_DEFINITION)


def cards(html):
    """Clip and reason of each card."""
    notes = re.findall(r'<h4>[^<]*</h4><div class="soft">([^<]*)</div>', html)
    return [tuple(note.split(" · ", maxsplit=1)) for note in notes]


def test_the_least_likely_the_oddest_and_typical_clips_are_shown_once_each(paths):
    *worst, first, second = cards(section_of(paths, "known"))
    assert worst == [
        ("ann-004", "least likely: log-likelihood -9.00 per frame, median -7.35 · &lt;long&gt; pause"),
        ("bob-005", "least likely: log-likelihood -7.50 per frame, median -7.35"),
        ("bob-003", "least likely: log-likelihood -7.40 per frame, median -7.35"),
        ("ann-000", "most phones of unusual length: 4 in 1.1 s"),
    ]
    assert first == ("bob-001", "typical: median log-likelihood")
    assert second == ("ann-002", "typical: median log-likelihood")


def test_without_likelihoods_typical_clips_are_those_with_the_usual_share_of_silence(paths):
    odd, *typical = cards(section_of(paths, "unknown"))
    assert odd == ("ann-000", "most phones of unusual length: 4 in 1.1 s")
    assert {name for name, _ in typical[:2]} == {"ann-004", "bob-001"}
    assert all(reason.startswith("typical: median share of silence") for _, reason in typical)


def test_equal_alignments_give_equal_bytes(paths):
    assert section_of(paths, "known") == section_of(paths, "known")


def test_every_clip_has_a_picture_a_player_and_its_text(paths):
    html = section_of(paths, "known")
    assert len(re.findall("<svg ", html)) == len(re.findall("<audio controls", html)) == 6
    assert 'aria-label="phones of ann-000: sil h e l l o sil"' in html
    assert "<h4>hello</h4>" in html


def test_what_is_heard_is_the_clip(paths):
    encoded = re.search(r'src="data:audio/mpeg;base64,([^"]+)"', section_of(paths, "known"))[1]
    heard, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)))
    assert rate == RATE
    assert len(heard) == pytest.approx(1.55 * RATE, abs=2400)  # of ann-004; MP3 has frames of 576 samples


def test_missing_tables_name_the_stage(paths, tmp_path):
    with pytest.raises(DataError, match=r"quality\.parquet: cannot be read as a Parquet table .*run the stage"):
        alignment_section(paths.corpus("known"), tmp_path, MEL_DEFINITION)


def test_a_corpus_without_alignments_has_no_section(paths, tmp_path):
    write_table(tmp_path / "quality.parquet", [], QUALITY)
    write_table(tmp_path / "phones.parquet", [], PHONES)
    assert alignment_section(paths.corpus("known"), tmp_path, MEL_DEFINITION) == ""


def test_a_long_table_is_read_for_some_clips_alone(paths):
    rows = read_table(paths.alignments("known") / "phones.parquet", PHONES, only={"ann-000", "nobody"})
    assert {row["utterance_id"] for row in rows} == {"ann-000"}
    assert [row["phone"] for row in rows] == ["sil", *"hello", "sil"]


class Elements(HTMLParser):
    def __init__(self, svg):
        super().__init__()
        self.found = []
        self.feed(svg)

    def handle_starttag(self, tag, attrs):
        self.found.append([tag, dict(attrs), ""])

    def handle_data(self, data):
        self.found[-1][2] += data

    def all(self, tag, name):
        return [
            (attributes, text)
            for each, attributes, text in self.found
            if (each, attributes.get("class")) == (tag, name)
        ]


class TestPicture:
    PHONES = (
        Interval("sil", 0, 0.25, ""),
        Interval("<a>", 0.25, 0.5, "a&b"),
        Interval("b", 0.5, 0.6, "a&b"),
        Interval("sil", 0.6, 0.7, ""),
        Interval("c", 0.7, 1.0, "c"),
    )

    @pytest.fixture
    def svg(self):
        clip = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
        return clip_svg(ClipPicture(clip, MEL_DEFINITION, self.PHONES, has_wave=True), label='a "picture"')

    @pytest.fixture
    def elements(self, svg):
        return Elements(svg)

    def test_a_second_has_one_width_everywhere(self, svg):
        assert 'viewBox="0 0 220 194"' in svg
        assert 'aria-label="a &quot;picture&quot;"' in svg

    def test_names_stand_in_the_middle_of_their_phones_and_words(self, elements):
        phones = [(text, float(each["x"])) for each, text in elements.all("text", "phone")]
        assert phones == [("<a>", 82.5), ("b", 121.0), ("c", 187.0)]
        words = [(text, float(each["x"])) for each, text in elements.all("text", "word")]
        assert words == [("a&b", pytest.approx(93.5)), ("c", pytest.approx(187))]

    def test_boundaries_are_where_phones_end(self, elements):
        ((bright, _),) = elements.all("path", "boundary bright")
        assert [float(x) for x in re.findall(r"M([\d.]+) ", bright["d"])] == [55, 110, 132, 154]

    def test_silence_is_shaded(self, elements):
        shaded = [(float(each["x"]), float(each["width"])) for each, _ in elements.all("rect", "pause")]
        assert shaded == [(0, 55), (132, 22)]

    def test_a_silent_clip_of_a_few_samples_can_be_drawn(self):
        phones = [Interval("sil", 0, 700 / RATE, "")]
        svg = clip_svg(ClipPicture(np.zeros(700, np.float32), MEL_DEFINITION, phones, has_wave=True), label="")
        assert "nan" not in svg
        assert "inf" not in svg

    def test_an_octave_has_one_height_and_what_is_unvoiced_no_line(self):
        f0 = np.array([0, 100, 200, 0, 400, 0], np.float32)
        melodies = Melodies(f0, None, lowest=100, highest=400)
        clip = np.zeros(6 * MEL_DEFINITION.hop_length, np.float32)
        svg = clip_svg(ClipPicture(clip, MEL_DEFINITION, melodies=melodies), label="")
        ((line, _),) = Elements(svg).all("path", "f0")
        heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", line["d"])]
        assert heights == [90, 45, 0]
        assert line["d"].count("M") == 2


def test_an_envelope_holds_the_extremes_of_equal_parts():
    found = envelope(np.array([0, 1, -1, 0.5, 0.25, 0], np.float32), 3)
    np.testing.assert_array_equal(found, [[0, 1], [-1, 0.5], [0, 0.25]])
    np.testing.assert_array_equal(envelope(np.array([0.5], np.float32), 2), [[0.5, 0.5], [0, 0]])


@pytest.mark.parametrize(("rate", "kind"), [(22050, "audio/mpeg"), (20000, "audio/wav")])
def test_sounds_are_small_at_any_sample_rate(rate, kind):
    clip = (0.3 * np.sin(np.arange(rate) / 30)).astype(np.float32)
    found, sound = small_sound(clip, sample_rate=rate)
    assert found == kind
    assert (found, sound) == small_sound(clip, sample_rate=rate)
    heard, heard_rate = soundfile.read(io.BytesIO(sound))
    assert heard_rate == rate
    assert len(heard) == pytest.approx(rate, abs=2400)


def test_colours_of_a_mel_rise_from_darkest_to_brightest_and_low_bands_lie_below():
    mel = np.array([[0.0, 1.0], [0.5, 2.0]], np.float32)
    picture = np.array(Image.open(io.BytesIO(mel_png(mel, low=0, high=1))).convert("L")).astype(int)
    assert picture[1, 0] < picture[0, 0] < picture[1, 1] == picture[0, 1]
