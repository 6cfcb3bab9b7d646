"""The report stands alone, says everything it should, and is the same bytes for the same results."""

import base64
import dataclasses
import hashlib
import io
import re
from csv import writer as csv_writer
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_voice import INVENTORY, MEL_DEFINITION, Letters, write_alignments, write_corpus, write_models

from pipeline.evaluation import Plan, evaluate
from pipeline.output import write_json
from pipeline.parallel import ThisProcess
from pipeline.params import Params
from pipeline.paths import Paths
from pipeline.provenance import Provenance
from pipeline.report import build_cards, build_report
from pipeline.report_curves import chart, loss_terms, read_curve
from pipeline.report_dropped import dropped_table
from pipeline.report_facts import read_json, read_voice
from pipeline.report_metrics import METRICS as ON_PAGES
from pipeline.report_metrics import number
from pipeline.report_origin import Origin
from pipeline.report_pictures import lossless_sound, mel_of, mel_png
from pipeline.report_utterances import Budget
from pipeline.report_voice import voice_section
from pipeline.runtime import Runtime
from pipeline.speaking import VoiceFolders, draw_utterances, speak_utterances
from pipeline.stage import Stage
from pipeline.yaml import read_yaml
from tts.audio.files import read_audio
from tts.audio.samples import to_float, to_int16
from tts.config import build
from tts.corpora import csv, demo, licence
from tts.errors import DataError
from tts.metrics.settings import METRICS, EvaluateSettings

ROOT = Path(__file__).parents[1]
RUN_METRICS = {
    "steps": 200,
    "seconds": 3.0,
    "steps_per_second": 66.7,
    "device": "cpu",
    "last": {"step": 200, "loss": 0.5},
    "best": {"step": 100, "loss": 0.4},
}
DATA_METRICS = {"clips": 6, "hours": 0.01, "speakers": 2, "dropped": {"align: no <path> found": 2}}
ALIGNMENT_METRICS = {"aligned_share": 0.99, "boundary_within": {"10_ms": 0.5, "20_ms": 0.9}}


@pytest.fixture(scope="module")
def params():
    """The demo's params, cut down to its first voice."""
    values = read_yaml(ROOT / "presets" / "demo.yaml")
    name, voice = next(iter(values["run"]["voices"].items()))
    built = {
        kind: {voice[kind]: {"system": values["runs"][voice[kind]]["system"], "corpus": voice["corpus"]}}
        for kind in ("acoustic", "vocoder")
    }
    values["run"] = {
        "corpora": [voice["corpus"]],
        "acoustic": built["acoustic"],
        "vocoders": built["vocoder"],
        "voices": {name: voice},
    }
    return build(Params, values, where="")


@pytest.fixture(scope="module")
def paths(params, tmp_path_factory):
    """A project in which everything but the report is done."""
    found = Paths(tmp_path_factory.mktemp("project"))
    ((name, voice),) = params.run.voices.items()
    write_corpus(found, voice.corpus)
    write_alignments(found, voice.corpus)
    write_models(found.model(voice.acoustic), found.model(voice.vocoder))
    folders = VoiceFolders(found.model(voice.acoustic), found.model(voice.vocoder), "cpu")
    for folder in (found.audio(name), found.scores(name)):
        folder.mkdir(parents=True)
    rows = draw_utterances(found.index(voice.corpus), INVENTORY, limit=10)
    speak_utterances(rows, folders, Letters(), found.audio(name), executor=ThisProcess(), label="test")
    plan = Plan(
        voice=folders,
        spoken=found.audio(name),
        corpus=found.corpus(voice.corpus),
        mel=found.mel(voice.corpus),
        prosody=found.prosody(voice.corpus),
        index=found.index(voice.corpus),
        settings=EvaluateSettings(metrics=("mcd_db", "mr_stft", "duration_mae_ms")),
    )
    current = Stage("evaluate", name, found)
    current.runtime = Runtime(workers=1)
    current.executor = ThisProcess()
    write_json(found.voice_metrics(name), evaluate(plan, found.scores(name), current))
    write_json(found.data_metrics(voice.corpus), DATA_METRICS)
    write_json(found.alignment_metrics(voice.corpus), ALIGNMENT_METRICS)
    for run in (voice.acoustic, voice.vocoder):
        write_json(found.run_metrics(run), RUN_METRICS)
        write_curve(found.run_curve(run))
    return found


def write_curve(path):
    columns = ["step", "train_loss", "train_mel", "validation_loss", "validation_mel", "lr", "grad_norm"]
    with path.open("w", newline="") as file:
        table = csv_writer(file)
        table.writerow(columns)
        for step in range(10, 201, 10):
            validation = [30 / step, 20 / step] if step % 100 == 0 else ["", ""]
            table.writerow([step, 40 / step, 30 / step, *validation, 1e-3, 1.0])


@pytest.fixture(scope="module")
def html(params, paths):
    return build_report(params, paths, ThisProcess())


class Outline(HTMLParser):
    """Tags that are open, identifiers, and the attributes of every tag."""

    void = ("meta", "link", "img", "br", "rect", "polyline", "circle")

    def __init__(self, html):
        super().__init__()
        self.open, self.tags = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_is_well_formed_and_its_links_lead_somewhere(html):
    outline = Outline(html)
    assert outline.open == []
    identifiers = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert {link["href"].removeprefix("#") for link in outline.all("a")} <= set(identifiers)


def test_the_page_loads_nothing_from_anywhere(html):
    sources = [
        value for _, attributes in Outline(html).tags for name, value in attributes.items() if name in ("src", "href")
    ]
    assert all(value.startswith(("data:", "#")) for value in sources)
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttp", html)
    assert "default-src 'none'" in html


def test_every_row_of_every_utterance_can_be_heard_seen_and_named(html, params, paths):
    outline = Outline(html)
    (name,) = params.run.voices
    num_clips = 4 * len(list(paths.audio(name).glob("*.wav"))) + 6  # and those of the alignment
    assert (len(outline.all("image")), len(outline.all("audio"))) == (num_clips, num_clips)
    labels = [each["aria-label"] for each in outline.all("audio") if "controls" in each]
    assert len(set(labels)) == num_clips
    assert all(each["aria-label"] for each in outline.all("svg"))


def test_the_sound_is_that_of_the_files(html, params, paths):
    (name,) = params.run.voices
    first = paths.audio(name) / "bob-001.wav"
    players = {each["aria-label"]: each["src"] for each in Outline(html).all("audio")}
    source = players["Voice: bad cab"].removeprefix("data:audio/wav;base64,")
    heard, rate = soundfile.read(io.BytesIO(base64.b64decode(source)), dtype="float32")
    assert rate == 22050
    np.testing.assert_array_equal(heard, read_audio(first, sample_rate=22050))


def test_scores_stand_beside_their_anchors_and_absences_have_reasons(html):
    for each in ("Copy-synthesis", "Griffin-Lim", "Ground truth", "MCD, dB ↓", "95 % bootstrap intervals"):
        assert each in html
    assert "a voice chooses its own timing, so samples have no counterpart (3 of 3 utterances)" in html
    assert ">–</td>" in html


def test_training_data_and_params_are_told(html):
    for each in ("at step 100", "aligned share", "boundary within 20 ms", "hop_length: 256", "200 steps"):
        assert each in html
    assert "align: no &lt;path&gt; found" in html


def test_equal_results_give_equal_bytes(html, params, paths):
    assert build_report(params, paths, ThisProcess()) == html


def test_text_from_data_is_escaped(params, paths, monkeypatch):
    (name,) = params.run.voices
    monkeypatch.setattr(
        "pipeline.report_facts.VoiceFacts.sentences",
        [{**row, "text": "<script>alert(1)</script>"} for row in read_voice(params, paths, name).sentences],
    )
    changed = build_report(params, paths, ThisProcess())
    assert "&lt;script&gt;alert" in changed
    assert "<script>alert" not in changed


@pytest.mark.parametrize("kind", ["voice_metrics", "run_metrics", "run_curve", "data_metrics", "alignment_metrics"])
def test_a_missing_result_names_the_command_that_makes_it(params, paths, kind):
    ((name, voice),) = params.run.voices.items()
    argument = name if kind == "voice_metrics" else voice.acoustic if kind.startswith("run") else voice.corpus
    path = getattr(paths, kind)(argument)
    kept = path.read_bytes()
    path.unlink()
    try:
        with pytest.raises(DataError, match=rf"is missing; run `tts \w+ {argument}`"):
            build_report(params, paths, ThisProcess())
    finally:
        path.write_bytes(kept)


class TestCurves:
    def test_columns_become_points_and_empty_cells_none(self, tmp_path):
        write_curve(tmp_path / "run.csv")
        curve = read_curve(tmp_path / "run.csv")
        assert loss_terms(curve) == ["loss", "mel"]
        assert curve["validation_loss"] == [(100, 0.3), (200, 0.15)]

    def test_a_loss_that_falls_far_is_drawn_on_a_logarithmic_scale(self):
        assert "(log)" in chart("mel", [(1, 100.0), (2, 1.0)], [])
        assert "(log)" not in chart("mel", [(1, 2.0), (2, 1.0)], [])

    @pytest.mark.parametrize("points", [[(5, 1.0)], [(1, 0.0), (2, 0.0)], [(1, -3.0), (2, 4.0)]])
    def test_any_values_have_a_place_in_the_picture(self, points):
        places = re.findall(r'c[xy]="([^"]+)"', chart("mel", [], points))
        assert len(places) == 2 * len(points)
        assert all(0 <= float(place) <= 340 for place in places)

    def test_no_values_make_no_chart(self):
        assert chart("mel", [], []) == ""

    def test_an_empty_curve_has_no_terms(self, tmp_path):
        (tmp_path / "run.csv").write_text("step,train_loss,lr\n")
        assert loss_terms(read_curve(tmp_path / "run.csv")) == []


@pytest.mark.parametrize(("num_samples", "kind"), [(3000, "audio/wav"), (40000, "audio/flac")])
def test_lossless_sounds_keep_16_bits_exactly(num_samples, kind):
    clip = to_float(to_int16(np.random.default_rng(0).uniform(-1, 1, num_samples).astype(np.float32)))
    found, sound = lossless_sound(clip, sample_rate=22050)
    assert found == kind
    heard, _ = soundfile.read(io.BytesIO(sound), dtype="float32")
    np.testing.assert_array_equal(heard, clip)


def test_mel_pictures_have_a_pixel_for_each_value():
    clip = np.random.default_rng(0).normal(0, 0.1, 22050).astype(np.float32)
    mel = mel_of(clip, MEL_DEFINITION)
    png = mel_png(mel, low=-11.5, high=1.0)
    assert png.startswith(b"\x89PNG")
    assert (int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")) == mel.shape[::-1]
    assert b"matplotlib" not in png.lower()


def section_with(params, paths, budget):
    (name,) = params.run.voices
    return voice_section(read_voice(params, paths, name), budget, ThisProcess())


class TestUtterances:
    def test_where_not_all_fit_the_worst_and_some_others_can_be_heard(self, params, paths):
        html = section_with(params, paths, Budget(cards=2, seconds=1e9, lossless_seconds=1e9))
        assert "Those that are links can be heard below, 2 of 3." in html
        rows = re.findall(r'<tr><th scope="row">(.*?)</th><td data-value="([\d.]+)"', html)
        assert [float(value) for _, value in rows] == sorted((float(value) for _, value in rows), reverse=True)
        linked = re.findall(r'href="#([^"]+)"', " ".join(name for name, _ in rows))
        assert linked == re.findall(r'<details class="card" id="([^"]+)"', html)
        assert ["href" in name for name, _ in rows] == [True, True, False]

    def test_much_sound_is_made_small_and_told_to_be(self, params, paths):
        html = section_with(params, paths, Budget(cards=9, seconds=1e9, lossless_seconds=0))
        assert (html.count("audio/mpeg"), html.count("audio/wav")) == (12, 0)
        assert "The clips are MP3 here" in html

    def test_a_voice_that_long_clips_fill_the_page_of_still_has_a_card(self, params, paths):
        html = section_with(params, paths, Budget(cards=9, seconds=1e-9, lossless_seconds=0))
        assert html.count('<details class="card"') == 1

    def test_one_utterance_alone_has_no_interval(self, params, paths):
        (name,) = params.run.voices
        voice = read_voice(params, paths, name)
        alone = {"mcd_db": {"mean": 5.0, "low": 5.0, "high": 5.0, "n": 1}}
        voice = dataclasses.replace(voice, means=dict.fromkeys(voice.means, alone))
        html = voice_section(voice, Budget(cards=1, seconds=1e9, lossless_seconds=1e9), ThisProcess())
        assert "One utterance alone has no interval." in html
        assert '<td class="first">5.00<small>n = 1</small></td>' in html

    def test_a_voice_that_spoke_anew_is_to_be_measured_again(self, params, paths, monkeypatch):
        (name,) = params.run.voices
        rows = [{**row, "utterance_id": "new"} for row in read_voice(params, paths, name).sentences]
        monkeypatch.setattr("pipeline.report_facts.VoiceFacts.sentences", rows)
        with pytest.raises(DataError, match=f"lacks new, which was measured; run `tts evaluate {name}` again"):
            section_with(params, paths, Budget(cards=1, seconds=1e9, lossless_seconds=1e9))

    def test_several_voices_share_a_page(self):
        one, four = Budget.shared_by(1), Budget.shared_by(4)
        assert (four.cards, four.seconds) == (one.cards // 4, one.seconds / 4)
        assert Budget.shared_by(1000).cards == 1

    def test_pictures_show_the_melody_and_the_phones(self, html):
        assert html.count('class="f0"') == 3 * 4
        assert html.count('class="f0 recorded"') == 3 * 3
        assert re.search(r'aria-label="mel spectrogram of Voice, [\d.]+ s, [^"]*, phones sil [^"]+"', html)

    def test_every_metric_has_a_meaning(self):
        assert set(ON_PAGES) == set(METRICS)


class TestDropped:
    losses = tuple({"utterance_id": f"c{n}", "stage": "align", "reason": "<path>", "detail": "d"} for n in range(201))

    def test_each_clip_stands_with_its_stage_and_reason(self):
        html = dropped_table(self.losses[:2], folder="data/x")
        assert '<th scope="row">c1</th><td>align</td><td>&lt;path&gt;</td><td>d</td>' in html
        assert "2 left out." in html
        assert dropped_table([], folder="data/x") == ""

    def test_long_tables_say_where_the_rest_is(self):
        html = dropped_table(self.losses, folder="data/x")
        assert "201 left out. The first 200 are shown; data/x/dropped.parquet has all." in html
        assert "c200" not in html


class TestOrigin:
    def origin(self, **values):
        none = {"experiment": None, "baseline": None, "commit": None, "is_dirty": None}
        return Origin(Provenance(**none | values), {"demo": "0123456789abcdef0123"})

    def test_a_clean_commit_is_made_again_by_two_commands(self):
        found = self.origin(commit="abc1234", is_dirty=False)
        assert (found.commands, found.caution) == (["git checkout abc1234", "dvc repro"], "")
        assert dict(found.named())["data of demo (sha256 of its manifest)"] == "0123456789abcdef"

    def test_an_experiment_is_applied_to_what_it_began_from(self):
        found = self.origin(experiment="puny-fog", baseline="base123", commit="abc1234", is_dirty=True)
        assert found.commands == ["git checkout base123", "dvc exp apply puny-fog", "dvc repro"]
        assert found.caution == ""

    def test_what_no_commit_holds_is_said(self):
        assert "commit them" in self.origin(commit="abc1234", is_dirty=True).caution
        assert "Without git" in self.origin().caution
        assert self.origin().commands == ["dvc repro"]

    def test_the_digest_is_that_of_the_manifest(self, paths, params, html):
        ((_, voice),) = params.run.voices.items()
        manifest = (paths.corpus(voice.corpus) / "manifest.parquet").read_bytes()
        assert hashlib.sha256(manifest).hexdigest()[:16] in html


class TestModelCard:
    @pytest.fixture
    def card(self, params, paths):
        ((_, card),) = build_cards(params, paths).items()
        return card

    def test_it_tells_data_licence_metrics_limits_training_and_origin(self, card):
        assert re.findall(r"^## (.*)", card, flags=re.MULTILINE) == [
            "Data", "Licence", "Metrics", "Limits", "Training", "Origin",
        ]  # fmt: skip
        for each in (
            "| clips | 6 |", "| speakers | 2: ann, bob |", "| styles | 2: calm, loud |", "made by espeak-ng",
            "2 × align: no \\<path> found", "| steps | 200 |", "0.5 at step 200", "dvc repro", "hidden: 128",
        ):  # fmt: skip
            assert each in card

    def test_its_figures_are_those_of_the_metrics(self, card, params, paths):
        (name,) = params.run.voices
        mean = read_json(paths.voice_metrics(name), "")["voice"]["mcd_db"]
        shown = f"{number(mean['mean'])} ({number(mean['low'])} to {number(mean['high'])})"
        row = next(line for line in card.splitlines() if line.startswith("| MCD, dB ↓"))
        assert row.split(" | ")[1] == shown
        assert row.endswith("| 0 |")
        assert "Absent for 3 sentences: MR-STFT: a voice chooses its own timing" in card
        assert "Worst by MCD: " in card

    def test_its_tables_are_whole(self, card):
        for block in re.findall(r"(?:^\|.*\n)+", card, flags=re.MULTILINE):
            widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
            assert len(widths) == 1

    def test_licences_are_those_of_the_kind_or_of_the_settings(self):
        assert "espeak-ng" in licence(demo.Config(kind="demo"))
        assert licence(csv.Config(kind="csv", path="x")) is None
        assert licence(csv.Config(kind="csv", path="x", licence="CC0")) == "CC0"


LOAD_ALL = """
const done = arguments[0], found = [];
(async () => {
  for (const audio of document.querySelectorAll("audio")) {
    const end = await new Promise(resolve => {
      for (const name of ["canplaythrough", "error"]) audio.addEventListener(name, () => resolve(name), {once: true});
      audio.preload = "auto";
      audio.load();
    });
    found.push([end, audio.readyState, audio.duration]);
    audio.removeAttribute("src");
    audio.load();
  }
  done(found);
})();
"""
COLUMN = "return [...document.querySelectorAll('.utterances tbody tr')].map(row => row.cells[arguments[0]].textContent)"
PLAY_FROM_THE_MIDDLE = """
const done = arguments[0], figure = document.querySelector("figure.clip");
const [svg, audio] = ["svg", "audio"].map(name => figure.querySelector(name));
const box = svg.getBoundingClientRect();
audio.addEventListener("seeking", () => {
  const at = audio.currentTime / audio.duration;
  audio.addEventListener("ended", () => {
    const line = new DOMMatrix(getComputedStyle(svg.querySelector(".cursor")).transform).e;
    setTimeout(() => done([at, line / svg.viewBox.baseVal.width]));
  });
});
svg.dispatchEvent(new MouseEvent("click", {clientX: box.left + box.width / 2, bubbles: true}));
"""
PLAY_TWO = """
const done = arguments[0], [first, second] = document.querySelectorAll("audio");
first.addEventListener("playing", () => second.play(), {once: true});
second.addEventListener("playing", () => done([first.paused, second.paused]));
first.play();
"""


@pytest.mark.browser
class TestInABrowser:
    @pytest.fixture
    def opened(self, html, browser, tmp_path_factory):
        page = tmp_path_factory.getbasetemp() / "report.html"
        page.write_text(html, encoding="utf-8")
        browser.open(page)
        return browser

    def test_it_asks_for_nothing_and_complains_of_nothing(self, opened):
        assert [url.rpartition("/")[2] for url in opened.requests()] == ["report.html"]
        assert opened.console() == []

    def test_every_player_loads(self, opened, html):
        found = opened.wait(LOAD_ALL)
        assert len(found) == html.count("<audio")
        assert all((end, state) == ("canplaythrough", 4) and seconds > 0.5 for end, state, seconds in found)
        assert opened.console() == []

    def test_a_click_on_a_picture_plays_from_there_and_the_cursor_goes_along(self, opened):
        start, end = opened.wait(PLAY_FROM_THE_MIDDLE)
        assert start == pytest.approx(0.5, abs=0.01)
        assert end == pytest.approx(1, abs=0.02)

    def test_one_clip_is_heard_at_a_time(self, opened):
        assert opened.wait(PLAY_TWO) == [True, False]

    def test_tables_sort_by_click_and_by_keyboard(self, opened):
        worst_first = [float(value) for value in opened.run(COLUMN, 1)]
        assert worst_first == sorted(worst_first, reverse=True)
        head = "return [...document.querySelectorAll('.utterances thead th')].map(head => head.ariaSort)"
        assert opened.run(head)[:2] == [None, "descending"]
        opened.click(".utterances th:nth-child(2) button")
        assert [float(value) for value in opened.run(COLUMN, 1)] == worst_first[::-1]
        assert opened.run(head)[:2] == [None, "ascending"]
        opened.type("enter")
        assert [float(value) for value in opened.run(COLUMN, 1)] == worst_first
        assert opened.run(head)[:2] == [None, "descending"]
        opened.click(".utterances th:nth-child(1) button")
        assert opened.run(COLUMN, 0) == sorted(opened.run(COLUMN, 0))

    def test_what_has_no_value_stays_below(self, opened):
        cells = "document.querySelectorAll('.utterances tbody td:nth-child(2)')"
        opened.run(f"{cells}[0].textContent = '–'; delete {cells}[0].dataset.value")
        for _ in range(2):
            opened.click(".utterances th:nth-child(2) button")
            assert opened.run(COLUMN, 1)[-1] == "–"

    def test_a_link_of_the_table_opens_its_card(self, opened):
        opened.run("for (const each of document.querySelectorAll('details.card')) each.open = false")
        opened.click(".utterances tbody a")
        assert opened.run("return document.querySelector(location.hash).open") is True

    def test_everything_that_can_be_reached_has_a_name(self, opened):
        nodes = opened.devtools("Accessibility.getFullAXTree")["nodes"]
        roles = {"button", "link", "image", "Audio", "table", "region", "navigation", "group", "columnheader"}
        named = [
            (node["role"]["value"], node["name"]["value"])
            for node in nodes
            if not node["ignored"] and node["role"]["value"] in roles
        ]
        assert {role for role, _ in named} >= {"button", "link", "table", "region", "navigation"}
        assert [role for role, name in named if not name and role != "group"] == []

    def test_the_keyboard_first_meets_the_way_to_the_content(self, opened):
        opened.type("tab", "enter")
        assert opened.run("return document.activeElement.id") == "main"

    def test_a_phone_shows_it_without_scrolling_sideways_and_night_makes_it_dark(self, opened):
        opened.devtools("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=1, mobile=True)
        opened.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        try:
            assert opened.run("return document.documentElement.scrollWidth") <= 360
            paper = opened.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
            assert max(paper) < 60
        finally:
            opened.devtools("Emulation.clearDeviceMetricsOverride")
            opened.devtools("Emulation.setEmulatedMedia", features=[])
