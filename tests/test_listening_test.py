"""Blind listening tests: what is drawn, what the page hides, what a listener's answers become, and what they say."""

import base64
import csv
import io
import json
import re
import time

import numpy as np
import pytest
import soundfile
from tiny_voice import tone
from typer.testing import CliRunner

from pipeline.listening_results import COLUMNS, read_key, read_results, summarize
from pipeline.listening_test import LEVEL_DB, draw_test, find_systems, listening_page
from pipeline.output import write_json
from stages.app import app
from tts.audio.files import write_wav
from tts.errors import AudioError, ConfigError, CorpusError, DataError
from tts.lint.measuring import measure
from tts.metrics.intervals import interval
from tts.metrics.opinions import Opinion, opinion_interval, sign_test

RATE = 22050


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two systems that say three sentences, one louder than the other, and one sentence that only one of them says."""
    root = tmp_path_factory.mktemp("systems")
    for system, loudness in (("zebra", 1.0), ("quagga", 0.25)):
        (root / system).mkdir()
        for number, name in enumerate(("s1", "s2", "s3", *(["s4"] if system == "zebra" else []))):
            write_wav(
                root / system / f"{name}.wav", loudness * tone(0.5, hz=200 + 40 * number, seed=number), sample_rate=RATE
            )
    return root


@pytest.fixture(scope="module")
def systems(folders):
    return find_systems([str(folders / "zebra"), f"horse={folders / 'quagga'}"], folders)


@pytest.fixture(scope="module")
def test(systems):
    return draw_test(systems, num_sentences=2, kind="both", seed=1)


@pytest.fixture(scope="module")
def html(test):
    return listening_page(test)


def content_of(html):
    return json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', html)[1])


class TestDraw:
    def test_every_system_says_every_sentence_once_and_pairs_share_a_sentence(self, test):
        said = [(clip.system, clip.sentence) for clip in test.clips.values()]
        sentences = {sentence for _, sentence in said}
        assert len(sentences) == 2
        assert sorted(said) == sorted((system, each) for system in ("zebra", "horse") for each in sentences)
        assert sorted(test.rated) == sorted(test.clips)
        for first, second in test.paired:
            assert test.clips[first].sentence == test.clips[second].sentence
            assert {test.clips[first].system, test.clips[second].system} == {"zebra", "horse"}
        assert len(test.paired) == 2

    def test_a_seed_gives_the_same_test_and_another_seed_another(self, systems, test):
        again = draw_test(systems, num_sentences=2, kind="both", seed=1)
        assert (again, again.identifier) == (test, test.identifier)
        others = [draw_test(systems, num_sentences=2, kind="both", seed=seed) for seed in range(2, 8)]
        assert len({each.identifier for each in others}) == len(others)
        assert len({tuple(clip.system for clip in each.clips.values()) for each in others}) > 1

    def test_only_what_is_asked_for_is_asked(self, systems):
        assert draw_test(systems, num_sentences=9, kind="mos", seed=0).paired == []
        test = draw_test(systems, num_sentences=9, kind="ab", seed=0)
        assert (test.rated, len(test.paired)) == ([], 3)

    def test_systems_that_have_nothing_in_common_are_refused(self, systems, folders, tmp_path):
        write_wav(tmp_path / "other.wav", tone(0.5, hz=200, seed=0), sample_rate=RATE)
        with pytest.raises(CorpusError, match="no file name in common"):
            draw_test({**systems, **find_systems([str(tmp_path)], folders)}, num_sentences=2, kind="mos", seed=0)
        with pytest.raises(ConfigError, match="name two or more"):
            draw_test({"zebra": systems["zebra"]}, num_sentences=2, kind="ab", seed=0)

    def test_two_systems_of_one_name_are_refused(self, folders):
        with pytest.raises(ConfigError, match="stands for two systems; give one a name of its own, name="):
            find_systems([str(folders / "zebra"), str(folders / "zebra")], folders)

    def test_voices_and_their_anchors_are_found_by_name(self, tmp_path):
        for folder in ("data/audio/demo", "data/scores/demo/audio/ground_truth"):
            (tmp_path / folder).mkdir(parents=True)
            write_wav(tmp_path / folder / "a.wav", tone(0.3, hz=200, seed=0), sample_rate=RATE)
        found = find_systems(["demo", "demo:ground_truth"], tmp_path)
        assert [(name, *files) for name, files in found.items()] == [("demo", "a"), ("demo:ground_truth", "a")]
        with pytest.raises(ConfigError, match="'truth' is none of voice, copy_synthesis"):
            find_systems(["demo:truth"], tmp_path)


class TestPage:
    def test_it_does_not_know_what_it_plays(self, html, folders, test):
        for secret in ("zebra", "horse", "quagga", str(folders), "s1", '"s2"', "seed="):
            assert secret not in html.replace("seed=7", "").replace('get("seed")', "")
        assert content_of(html)["test"] == test.identifier

    def test_all_clips_sound_at_one_level(self, html):
        levels = []
        for uri in content_of(html)["clips"].values():
            samples, rate = soundfile.read(
                io.BytesIO(base64.b64decode(uri.partition(",")[2])), dtype="float32", always_2d=True
            )
            levels.append(measure(samples, rate, encoding="").level_db)
        assert len(levels) == 4
        assert levels == pytest.approx([LEVEL_DB] * 4, abs=0.05)

    def test_the_key_tells_what_each_clip_is(self, test, tmp_path):
        write_json(tmp_path / "key.json", test.key)
        key = read_key(tmp_path / "key.json")
        assert key["seed"] == 1
        assert {name: (clip.system, clip.sentence) for name, clip in test.clips.items()} == {
            name: (each["system"], each["sentence"]) for name, each in key["clips"].items()
        }

    def test_a_silent_clip_is_refused_by_name(self, systems, tmp_path):
        write_wav(tmp_path / "s1.wav", np.zeros(RATE, np.float32), sample_rate=RATE)
        silent = draw_test({"silent": {"s1": tmp_path / "s1.wav"}}, num_sentences=1, kind="mos", seed=0)
        with pytest.raises(AudioError, match=r"s1\.wav: nobody speaks in it"):
            listening_page(silent)


KEY = {
    "test": "t",
    "clips": {
        f"{system}{number}": {"system": system, "sentence": f"s{number}"} for system in "xy" for number in range(5)
    },
}


def row(listener, kind, clip_a, clip_b, answer):
    return dict(zip(COLUMNS, ("t", listener, "1", "1", kind, clip_a, clip_b, str(answer), "1", "2.0"), strict=True))


def write(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


class TestResults:
    def test_opinions_and_preferences_by_hand(self, tmp_path):
        rows = [row("ann", "mos", f"x{n}", "", 4) for n in range(5)] + [
            row("ann", "mos", f"y{n}", "", 2) for n in range(4)
        ]
        rows += [row("ann", "mos", "y4", "", 3)]
        # Sides differ; x is preferred thrice, y once, and once nobody.
        rows += [
            row("ann", "ab", "x0", "y0", "a"),
            row("ann", "ab", "y1", "x1", "b"),
            row("ann", "ab", "x2", "y2", "a"),
        ]
        rows += [row("ann", "ab", "x3", "y3", "b"), row("ann", "ab", "y4", "x4", "same")]
        found = summarize(read_results([write(tmp_path / "a.csv", rows)], KEY), KEY["clips"])
        assert list(found.opinions) == ["x", "y"]
        assert (found.opinions["x"].mean, found.opinions["x"].low, found.opinions["x"].high) == (4, 4, 4)
        assert found.opinions["y"].mean == pytest.approx(2.2)
        assert found.opinions["y"].n == 5
        (pair,) = found.preferences
        assert (pair.ours, pair.theirs, pair.for_ours, pair.for_neither, pair.for_theirs) == ("x", "y", 3, 1, 1)
        assert pair.share.mean == pytest.approx(0.7)
        assert pair.p_value == pytest.approx(0.625)  # 4 tosses, 3 or more heads or tails: 2 * (4 + 1) / 16

    def test_what_is_preferred_comes_first_whatever_its_name(self, tmp_path):
        path = write(tmp_path / "a.csv", [row("ann", "ab", "x0", "y0", "b"), row("bob", "ab", "y1", "x1", "a")])
        (pair,) = summarize(read_results([path], KEY), KEY["clips"]).preferences
        assert (pair.ours, pair.share.mean, pair.share.low, pair.p_value) == ("y", 1, 1, 0.5)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"test": "other"}, "is of test other, the key of test t; name its own --key"),
            ({"answer": "6"}, "the answer '6' to x0 is none of 1, 2, 3, 4, 5"),
            ({"kind": "ab"}, "the answer '3' to x0 is none of a, same, b"),
            ({"clip_a": "z9"}, "'z9' is no clip of test t"),
        ],
    )
    def test_what_does_not_fit_the_key_is_refused(self, tmp_path, changed, message):
        path = write(tmp_path / "a.csv", [{**row("ann", "mos", "x0", "", 3), **changed}])
        with pytest.raises(DataError, match=message):
            read_results([path], KEY)

    def test_an_answer_that_stands_in_two_files_is_refused(self, tmp_path):
        paths = [write(tmp_path / name, [row("ann", "mos", "x0", "", 3)]) for name in ("a.csv", "b.csv")]
        with pytest.raises(DataError, match=r"b\.csv: listener ann answered the same in .*a\.csv"):
            read_results(paths, KEY)

    def test_other_files_are_refused(self, tmp_path):
        (tmp_path / "a.csv").write_text("a,b\n1,2\n")
        (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(DataError, match="lacks the column test"):
            read_results([tmp_path / "a.csv"], KEY)
        with pytest.raises(DataError, match="is not a file of results"):
            read_results([tmp_path / "b.csv"], KEY)
        with pytest.raises(DataError, match="there is no such file"):
            read_results([tmp_path / "c.csv"], KEY)
        with pytest.raises(DataError, match="hold no answers"):
            read_results([write(tmp_path / "d.csv", [])], KEY)
        with pytest.raises(DataError, match="run `tts listening-test make`"):
            read_key(tmp_path / "key.json")


def test_the_commands_write_a_page_with_its_key_and_read_answers(folders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = [str(folders / name) for name in ("zebra", "quagga")]
    made = CliRunner().invoke(
        app, ("listening-test", "make", *places, "-o", "a.html", "--kind", "mos", "--sentences", "1")
    )
    assert (made.exit_code, made.output.splitlines()[0]) == (
        0,
        "wrote a.html: 2 clips to rate, 0 pairs; send it to listeners",
    )
    key = read_key(tmp_path / "a.key.json")
    clips = {each["system"]: name for name, each in key["clips"].items()}
    rows = [
        {**row("ann", "mos", clips[system], "", answer), "test": key["test"]}
        for system, answer in (("zebra", 4), ("quagga", 2))
    ]
    write(tmp_path / "r.csv", rows)
    done = CliRunner().invoke(app, ("listening-test", "summarize", "r.csv", "--key", "a.key.json", "--json", "s.json"))
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.output.splitlines()]
    assert lines[2:4] == [["zebra", "1", "4.00", "[4.00,", "4.00]"], ["quagga", "1", "2.00", "[2.00,", "2.00]"]]
    assert json.loads((tmp_path / "s.json").read_text())["opinions"]["zebra"]["mean"] == 4
    failed = CliRunner().invoke(app, ("listening-test", "summarize", "none.csv", "--key", "a.key.json"))
    assert failed.exit_code == 1
    assert "none.csv: there is no such file" in failed.output


class TestOpinions:
    def test_equal_opinions_leave_no_doubt_and_one_has_no_interval(self):
        opinions = [Opinion(f"l{n % 3}", f"s{n}", 4.0) for n in range(9)]
        found = opinion_interval(opinions)
        assert (found.mean, found.low, found.high, found.n) == (4, 4, 4, 9)
        assert opinion_interval([Opinion("l", "s", 2.0)]).high == 2
        with pytest.raises(ValueError, match="at least one"):
            opinion_interval([])

    def test_of_one_listener_it_is_the_bootstrap_over_sentences(self):
        values = np.random.default_rng(0).normal(3, 1, 30)
        found = opinion_interval([Opinion("l", f"s{n}", value) for n, value in enumerate(values)])
        plain = interval(values)
        assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.06)

    def test_it_covers_the_truth_where_listeners_differ_and_an_interval_over_answers_does_not(self):
        rng = np.random.default_rng(0)
        covered = {"ours": 0, "plain": 0}
        for _ in range(40):
            values = 3 + rng.normal(0, 0.5, (10, 1)) + rng.normal(0, 0.3, (1, 12)) + rng.normal(0, 0.5, (10, 12))
            opinions = [Opinion(f"l{i}", f"s{j}", values[i, j]) for i in range(10) for j in range(12)]
            for name, found in (("ours", opinion_interval(opinions)), ("plain", interval(values.ravel()))):
                covered[name] += found.low <= 3 <= found.high
        assert covered["ours"] / 40 >= 0.88
        assert covered["plain"] / 40 < 0.7

    @pytest.mark.parametrize(("ours", "theirs", "p"), [(9, 1, 0.021484), (5, 5, 1.0), (6, 0, 0.03125), (0, 0, 1.0)])
    def test_the_sign_test_by_hand(self, ours, theirs, p):
        assert sign_test(ours, theirs) == pytest.approx(p, abs=1e-6)


WAIT_FOR_THE_END = """
const players = document.querySelector("#players");
window.over = new Promise(resolve =>
  players.addEventListener("ended", () => setTimeout(resolve), {capture: true, once: true}));
"""


@pytest.mark.browser
class TestInABrowser:
    @pytest.fixture
    def opened(self, html, browser, tmp_path):
        page = tmp_path / "listen.html"
        page.write_text(html, encoding="utf-8")
        browser.open(page)
        browser.run("localStorage.clear()")
        browser.open(page, "#seed=7")
        browser.download_to(tmp_path)
        return browser

    def answer(self, opened, *keys):
        """Hear every clip of the question, then answer it, all by keys."""
        opened.type(*keys)
        opened.type("enter")  # nothing was heard: the page stays
        for _ in range(opened.run("return document.querySelectorAll('#players audio').length")):
            opened.run(WAIT_FOR_THE_END)
            opened.type("space")
            opened.wait("window.over.then(arguments[0])")
        opened.type("enter")

    def shown(self, opened):
        ask = "return document.querySelector(arguments[0]).textContent"
        return [opened.run(ask, place) for place in ("#progress", "#question")]

    def test_a_listener_needs_the_keyboard_alone_and_the_answers_are_a_file(self, opened, test, tmp_path):
        assert opened.run("return document.querySelector('#amount').textContent") == "4 to rate, and 2 pairs to compare"
        opened.click("#listener")
        opened.type(*"Zoë", "tab", "enter")
        for number in range(4):
            assert self.shown(opened) == [f"{number + 1} of 6", "How natural is this?"]
            self.answer(opened, str(number + 2))
        for answer in "as":
            self.answer(opened, answer)
        opened.click("#download")
        path = next(
            found for _ in range(200) if (found := next(tmp_path.glob("results-*.csv"), None)) or time.sleep(0.05)
        )
        assert opened.console() == []
        assert [url.rpartition("/")[2] for url in opened.requests()] == ["listen.html"]
        answers = read_results([path], {**test.key})
        assert [each["answer"] for each in answers] == ["2", "3", "4", "5", "a", "same"]
        assert {each["listener"] for each in answers} == {"Zoë"}
        assert {each["seed"] for each in answers} == {"7"}
        assert sorted(each["clip_a"] for each in answers[:4]) == sorted(test.clips)
        found = summarize(answers, test.key["clips"])
        assert sum(mean.n * mean.mean for mean in found.opinions.values()) == 2 + 3 + 4 + 5
        assert found.preferences[0].share.mean == 0.75

    def test_a_reload_loses_no_answer_and_a_seed_gives_the_order_again(self, opened):
        sources = "return document.querySelector('#players audio').src"
        opened.click("#begin")
        first = opened.run(sources)
        self.answer(opened, "3")
        second = opened.run(sources)
        assert second != first
        opened.run("location.reload()")
        assert self.shown(opened)[0] == "2 of 6"
        assert opened.run(sources) == second
        opened.run("localStorage.clear(); location.reload()")
        opened.click("#begin")
        assert opened.run(sources) == first
