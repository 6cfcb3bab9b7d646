"""Two alignments side by side: what is compared where they differ, and what is said where they cannot be."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from praatio import textgrid as praat

from pipeline.alignment_comparison import compare_and_show, read_alignment
from pipeline.parallel import ThisProcess
from pipeline.paths import Paths
from stages import align as align_command
from tts.alignment.comparison import clip_difference, compare_alignments
from tts.alignment.intervals import Interval
from tts.data.tables import PHONES, write_table
from tts.errors import AlignmentError, ConfigError, DataError


def clip(phones, *, start=0.0, step=0.1):
    """Phones of equal lengths, "_" a silence."""
    return [
        Interval("sil" if phone == "_" else phone, start + index * step, start + (index + 1) * step, "")
        for index, phone in enumerate(phones)
    ]


def shifted(intervals, seconds):
    return [Interval(each.phone, each.start + seconds, each.end + seconds, each.word) for each in intervals]


class TestClips:
    def test_boundaries_between_equal_phones_are_compared_with_their_sign(self):
        ours = [Interval("a", 0, 0.11, ""), Interval("b", 0.11, 0.18, ""), Interval("c", 0.18, 0.3, "")]
        found = clip_difference(ours, clip("abc"))
        assert found.errors == pytest.approx([10, -20])
        assert found.is_same

    def test_a_pause_that_both_hear_has_two_boundaries_and_one_that_one_hears_an_onset(self):
        assert len(clip_difference(clip("a_b"), clip("a_b")).errors) == 2
        ours = [Interval("a", 0, 0.2, ""), Interval("b", 0.2, 0.3, "")]
        assert clip_difference(ours, clip("a_b")).errors == pytest.approx([0])

    def test_another_pronunciation_costs_the_boundaries_around_it_alone(self):
        found = clip_difference(clip("abXde"), clip("abYde"))
        assert not found.is_same
        assert (found.num_phones, found.num_matched) == ((5, 5), 4)
        assert found.errors == pytest.approx([0, 0])  # of a and b, of d and e

    def test_a_phone_more_shifts_the_pairing_not_the_times(self):
        found = clip_difference(clip("abcd"), [*clip("ab"), *clip("Xcd", start=0.2, step=0.05)])
        assert found.num_matched == 4
        assert found.errors == pytest.approx([0, 0])  # c starts at 0.2 and at 0.25, but beside another phone

    def test_long_clips_are_matched_as_short_ones(self):
        phones = ["a", "b"] * 300  # difflib would take phones this common for junk
        assert clip_difference(clip(phones), clip(phones)).num_matched == 600

    def test_stress_counts_only_where_both_have_it(self):
        assert clip_difference(clip(["AH0", "T"]), clip(["AH", "T"])).is_same
        assert not clip_difference(clip(["AH0", "T"]), clip(["AH1", "T"])).is_same

    @given(
        st.lists(st.sampled_from("abc_"), max_size=20),
        st.lists(st.sampled_from("abc_"), max_size=20),
        st.integers(-50, 50),
    )
    def test_the_two_sides_are_alike_and_a_shift_is_the_bias(self, first, second, milliseconds):
        there, back = clip_difference(clip(first), clip(second)), clip_difference(clip(second), clip(first))
        assert there.num_phones == back.num_phones[::-1]
        same = clip_difference(shifted(clip(first), milliseconds / 1000), clip(first))
        assert same.is_same
        assert same.errors == pytest.approx([milliseconds] * len(same.errors))
        spoken = sum(phone != "_" for phone in first)
        inner_pauses = sum("_" in pair for pair in itertools.pairwise("".join(first).strip("_")))
        assert max(spoken - 1, 0) <= len(same.errors) <= max(spoken - 1, 0) + inner_pauses


class TestCorpora:
    def test_figures_of_known_differences(self):
        first = {"a": clip("abcde"), "b": shifted(clip("abcde"), 0.03), "c": clip("a"), "e": clip("x")}
        second = {"a": clip("abcde"), "b": clip("abcde"), "c": clip("a"), "d": clip("y")}
        found = compare_alignments(first, second)
        assert found["clips"] == {"both": 3, "only_first": 1, "only_second": 1, "same_phones": 3}
        assert found["phones"] == {"first": 11, "second": 11, "matched": 11}
        assert found["boundaries"] == 8
        spread = {"mean": 15, "median": 15, "p95": 30, "p99": 30, "bias": 15}
        assert found["difference_ms"] == pytest.approx(spread)
        assert found["within"] == {"10_ms": 0.5, "20_ms": 0.5, "50_ms": 1, "100_ms": 1}
        assert [each["utterance_id"] for each in found["worst"]] == ["b", "a"]
        worst = {"utterance_id": "b", "boundaries": 4, "mean_ms": 30, "largest_ms": 30, "bias_ms": 30}
        assert found["worst"][0] == pytest.approx(worst)
        assert json.loads(json.dumps(found, allow_nan=False)) == found

    def test_a_difference_on_the_limit_is_within_it(self):
        found = compare_alignments({"a": shifted(clip("ab"), 0.02)}, {"a": clip("ab")})
        assert found["within"] == {"10_ms": 0, "20_ms": 1, "50_ms": 1, "100_ms": 1}

    def test_only_the_ten_worst_clips_are_named(self):
        second = {f"{number:02}": clip("ab") for number in range(15)}
        first = {name: shifted(rows, int(name) / 1000) for name, rows in second.items()}
        worst = compare_alignments(first, second)["worst"]
        assert [each["utterance_id"] for each in worst] == [f"{number:02}" for number in range(14, 4, -1)]

    def test_nothing_in_common_gives_no_figures_instead_of_zeros(self):
        found = compare_alignments({"a": clip("ab")}, {"a": clip("xy")})
        assert (found["boundaries"], found["worst"]) == (0, [])
        assert "difference_ms" not in found
        assert "within" not in found


def write_phones(path, clips):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "utterance_id": name,
            "position": position,
            "phone": each.phone,
            "start_seconds": each.start,
            "end_seconds": each.end,
            "word": each.word,
        }
        for name in sorted(clips)
        for position, each in enumerate(clips[name])
    ]
    write_table(path, rows, PHONES)
    return path


def write_textgrid(path, intervals):
    path.parent.mkdir(parents=True, exist_ok=True)
    end = intervals[-1].end
    file = praat.Textgrid(0, end)
    marks = [(each.start, each.end, each.phone) for each in intervals if each.phone != "sil"]
    file.addTier(praat.IntervalTier("phones", marks, 0, end))
    file.save(str(path), format="short_textgrid", includeBlankSpaces=True)


def read(name, root, *, known=()):
    return read_alignment(str(name), Paths(root), known=known, executor=ThisProcess())


CLIPS = {"ann-1": clip("a_b"), "bob-1": clip("_ba_")}


class TestSources:
    def test_corpora_tables_and_folders_are_the_same_to_it(self, tmp_path):
        table = write_phones(tmp_path / "data" / "alignments" / "demo" / "phones.parquet", CLIPS)
        for name in ("demo", table.parent, table):
            assert read(name, tmp_path) == CLIPS

    def test_textgrids_are_called_as_the_other_alignment_calls_its_clips(self, tmp_path):
        for name, intervals in CLIPS.items():
            write_textgrid(tmp_path / "flat" / f"{name}.TextGrid", intervals)
            write_textgrid(tmp_path / "speakers" / f"{name.replace('-', '/')}.TextGrid", intervals)
        write_textgrid(tmp_path / "one" / "ann" / "1.TextGrid", CLIPS["ann-1"])
        for folder in ("flat", "speakers"):
            found = read(tmp_path / folder, tmp_path)
            assert found.keys() == CLIPS.keys()
            found = compare_alignments(found, CLIPS)
            assert found["boundaries"] == 3
            assert found["difference_ms"]["mean"] == pytest.approx(0)
        assert read(tmp_path / "one", tmp_path).keys() == {"1"}
        assert read(tmp_path / "one", tmp_path, known=CLIPS).keys() == {"ann-1"}

    def test_a_name_that_means_nothing_is_refused(self, tmp_path):
        with pytest.raises(AlignmentError, match=r"nix: is neither an aligned corpus .* run `tts align nix`"):
            read("nix", tmp_path)

    def test_an_empty_folder_is_refused(self, tmp_path):
        with pytest.raises(AlignmentError, match=r"holds neither phones\.parquet nor TextGrids"):
            read(tmp_path, tmp_path)

    def test_a_file_that_is_no_table_is_refused(self, tmp_path):
        (tmp_path / "x").write_text("no table")
        with pytest.raises(DataError, match="cannot be read as a Parquet table"):
            read(tmp_path / "x", tmp_path)

    def test_two_textgrids_of_one_clip_are_both_named(self, tmp_path):
        for place in ("p", "q"):
            write_textgrid(tmp_path / place / "ann" / "1.TextGrid", clip("ab"))
        with pytest.raises(AlignmentError, match=r"p/ann/1\.TextGrid and .*q/ann/1\.TextGrid are both the TextGrid"):
            read(tmp_path, tmp_path)


class TestCommand:
    @pytest.fixture
    def folders(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write_phones(tmp_path / "first" / "phones.parquet", {"a": shifted(clip("abc"), 0.02), "b": clip("x")})
        write_phones(tmp_path / "second" / "phones.parquet", {"a": clip("abc")})
        return "first", "second"

    def test_the_figures_are_printed_and_written(self, folders, tmp_path, capsys):
        compare_and_show(tmp_path, *folders, tmp_path / "out" / "found.json")
        lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
        for line in ("A: first", "B: second", "clips only in A 1", "clips with the same phones 1",
                     "boundaries compared 2", "mean |A - B|, ms 20.0", "bias, ms +20.0",
                     "within 10 ms 0.0%", "within 20 ms 100.0%", "a 2 20.0 20.0 +20.0"):  # fmt: skip
            assert line in lines
        written = json.loads((tmp_path / "out" / "found.json").read_text())
        assert (written["first"], written["second"], written["boundaries"]) == ("first", "second", 2)

    def test_equal_runs_write_equal_bytes(self, folders, tmp_path):
        for name in ("one", "two"):
            compare_and_show(tmp_path, *folders, tmp_path / name)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()

    def test_speakers_folders_may_come_first(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write_textgrid(tmp_path / "grids" / "ann" / "1.TextGrid", clip("ab"))
        write_phones(tmp_path / "second" / "phones.parquet", {"ann-1": clip("ab")})
        compare_and_show(tmp_path, "grids", "second", None)
        assert "ann-1" in capsys.readouterr().out

    def test_alignments_of_other_clips_are_refused(self, folders, tmp_path):
        write_phones(tmp_path / "third" / "phones.parquet", {"z": clip("ab")})
        with pytest.raises(AlignmentError, match=r"first and third have no clip in common \(a, z\)"):
            compare_and_show(tmp_path, "first", "third", None)

    def test_the_stage_command_compares(self, folders, capsys):
        align_command.run(compare=folders)
        assert "boundaries compared" in capsys.readouterr().out

    @pytest.mark.parametrize("wrong", [{}, {"corpus": "a", "compare": ("x", "y")}, {"corpus": "a", "json": "file"}])
    def test_the_stage_command_does_one_thing(self, wrong):
        with pytest.raises(ConfigError, match="name a corpus to align, or --compare two alignments"):
            align_command.run(**wrong)
