"""TextGrids in: what is read of a file, what of it is a clip's alignment, and what is said where it cannot be."""

import dataclasses
import json
import logging
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from praatio import textgrid as praat

from tts.alignment.settings import TextGridSettings
from tts.alignment.textgrid import TextGridAligner
from tts.alignment.textgrids import Mark, TextGrid, read_textgrid, to_aligned
from tts.alignment.utterances import Aligned, Failed, Utterance, serial_map
from tts.alignment.wording import first_difference, match_words
from tts.errors import AlignmentError
from tts.text.english import EnglishFrontend
from tts.text.frontend import PAUSE, Word

FIRST = Word("First", ("F", "ER", "S", "T"))
CALL = Word("call", ("K", "AO", "L"))
PHONES = [("F", 0.1, 0.2), ("ER1", 0.2, 0.3), ("S", 0.3, 0.4), ("T", 0.4, 0.5),
          ("K", 0.7, 0.8), ("AO1", 0.8, 0.85), ("L", 0.85, 0.9)]  # fmt: skip
WORDS = [("first", 0.1, 0.5), ("call", 0.7, 0.9)]


@dataclasses.dataclass(frozen=True)
class Silent:
    num_samples: int
    sample_rate: int = 1000

    def waveform(self):
        return np.zeros(self.num_samples, dtype=np.float32)


def utterance(*words, name="a", seconds=1.0):
    return Utterance(name, "someone", Silent(round(seconds * 1000)), words or (FIRST, PAUSE, CALL), key=name)


def grid(*, words=WORDS, phones=PHONES, end=1.0):
    marks = None if words is None else tuple(Mark(*each) for each in words)
    return TextGrid(marks, tuple(Mark(*each) for each in phones), end)


def align(grid, utterance=None, *, pronunciations="own", tolerance=0.05):
    return to_aligned(utterance or _DEFAULT, grid, pronunciations=pronunciations, tolerance_seconds=tolerance)


_DEFAULT = utterance()


def write(path, tiers, *, end=1.0, form="long_textgrid", encoding="utf-8"):
    """Write tiers of (label, start, end) by praatio."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = praat.Textgrid(0, end)
    for name, marks in tiers.items():
        file.addTier(praat.IntervalTier(name, [(start, stop, label) for label, start, stop in marks], 0, end))
    file.save(str(path), format=form, includeBlankSpaces=True)
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    return path


class TestReading:
    @pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_both_text_forms_and_encodings_are_read(self, tmp_path, form, encoding):
        path = write(tmp_path / "a.TextGrid", {"words": WORDS, "phones": PHONES}, form=form, encoding=encoding)
        assert read_textgrid(path) == grid()

    def test_line_ends_of_windows_are_read(self, tmp_path):
        path = write(tmp_path / "a.TextGrid", {"words": WORDS, "phones": PHONES})
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert read_textgrid(path) == grid()

    @pytest.mark.parametrize(
        "names", [("words", "phones"), ("ann - words", "ann - phones"), ("Words", "Phones"), ("ORT-MAU", "MAU")]
    )
    def test_tiers_are_known_by_their_names(self, tmp_path, names):
        tiers = dict(zip(names, (WORDS, PHONES), strict=True))
        assert read_textgrid(write(tmp_path / "a.TextGrid", {"notes": [("x", 0, 1)], **tiers})) == grid()

    def test_points_are_passed_over(self, tmp_path):
        path = write(tmp_path / "a.TextGrid", {"words": WORDS, "phones": PHONES})
        file = praat.openTextgrid(str(path), includeEmptyIntervals=False)
        file.addTier(praat.PointTier("phones of a click", [(0.5, "click")], 0, 1))
        file.save(str(path), format="short_textgrid", includeBlankSpaces=True)
        assert read_textgrid(path) == grid()

    def test_words_may_be_missing(self, tmp_path):
        assert read_textgrid(write(tmp_path / "a.TextGrid", {"phones": PHONES})) == grid(words=None)

    @pytest.mark.parametrize("label", ["", "sil", "sp", "SIL", "<eps>", "<p:>"])
    def test_silence_has_many_names(self, tmp_path, label):
        phones = [(label, 0, 0.1), *PHONES, (label, 0.9, 1)]
        assert read_textgrid(write(tmp_path / "a.TextGrid", {"words": WORDS, "phones": phones})) == grid()

    def test_of_several_speakers_the_only_one_that_speaks_counts(self, tmp_path):
        tiers = {"ann - words": [], "ann - phones": [("sil", 0, 1)], "bob - words": WORDS, "bob - phones": PHONES}
        assert read_textgrid(write(tmp_path / "a.TextGrid", tiers)) == grid()

    def test_two_speakers_are_refused_by_name(self, tmp_path):
        tiers = {"ann - phones": PHONES, "bob - phones": PHONES}
        with pytest.raises(AlignmentError, match=r"a\.TextGrid: has phones of 2 speakers \('ann', 'bob'\)"):
            read_textgrid(write(tmp_path / "a.TextGrid", tiers))

    def test_two_tiers_of_a_kind_are_refused_by_name(self, tmp_path):
        with pytest.raises(AlignmentError, match="'phones' and 'MAU' are tiers of the same kind"):
            read_textgrid(write(tmp_path / "a.TextGrid", {"phones": PHONES, "MAU": PHONES}))

    def test_a_file_without_phones_names_its_tiers(self, tmp_path):
        with pytest.raises(AlignmentError, match=r"has no tier 'phones' \(tiers: 'words', 'notes'\)"):
            read_textgrid(write(tmp_path / "a.TextGrid", {"words": WORDS, "notes": []}))

    @pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
    @pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.97])
    def test_a_file_that_is_cut_off_is_refused(self, tmp_path, form, kept):
        path = write(tmp_path / "a.TextGrid", {"words": WORDS, "phones": PHONES}, form=form)
        path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
        with pytest.raises(AlignmentError, match=r"a\.TextGrid: (cannot be read as a TextGrid|has no tier 'phones')"):
            read_textgrid(path)

    @pytest.mark.parametrize(
        "content",
        [b"", b"<html></html>", b'{"start": 0, "end": 1, "tiers": {}}', b"ooBinaryFile\x08TextGrid\x00\x00",
         b"File type", b'File type = "ooTextFile"\nObject class = "TextGrid"\n\nx\ny\n', b"\xff\xfe\x00",
         'File type = "ooTextFile"\nå'.encode("latin-1")],
    )  # fmt: skip
    def test_other_files_are_refused_in_one_line(self, tmp_path, content):
        path = tmp_path / "a.TextGrid"
        path.write_bytes(content)
        with pytest.raises(AlignmentError, match=r"a\.TextGrid: .*(is not|cannot be read as) a TextGrid") as caught:
            read_textgrid(path)
        assert "\n" not in str(caught.value)

    @given(
        lengths=st.lists(st.integers(1, 500), min_size=1, max_size=12),
        labels=st.lists(st.sampled_from(["AH0", "ɔː", 'a"b', "日", "S"]), min_size=12, max_size=12),
        form=st.sampled_from(["long_textgrid", "short_textgrid"]),
        encoding=st.sampled_from(["utf-8", "utf-16"]),
    )
    def test_what_praatio_writes_is_read_back(self, tmp_path_factory, lengths, labels, form, encoding):
        ends = np.cumsum(lengths) / 1000
        starts = [0.0, *ends[:-1]]
        marks = [(label, float(a), float(b)) for label, a, b in zip(labels, starts, ends, strict=False)]
        path = tmp_path_factory.mktemp("grids") / "a.TextGrid"
        write(path, {"words": marks, "phones": marks}, end=float(ends[-1]), form=form, encoding=encoding)
        found = read_textgrid(path)
        assert found.words == found.phones == tuple(Mark(*mark) for mark in marks)
        assert found.end == ends[-1]


class TestAligning:
    def test_gaps_become_silence_and_the_end_is_the_clips(self):
        aligned = align(grid(), utterance(seconds=1.02))
        assert aligned.phones == ("sil", *FIRST.phones, "sil", *CALL.phones, "sil")
        np.testing.assert_allclose(aligned.boundaries, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.85, 0.9, 1.02])
        assert aligned.words == (FIRST, PAUSE, CALL)
        assert aligned.log_likelihood is None

    def test_stress_goes_where_the_front_end_has_none_and_stays_where_it_has(self):
        stressed = utterance(Word("First", ("F", "ER1", "S", "T")), Word("call", ("K", "AO1", "L")))
        assert "ER" in align(grid()).phones
        assert "ER1" in align(grid(), stressed).phones

    def test_a_last_phone_is_stretched_or_cut_to_the_clip(self):
        phones = [*PHONES[:-1], ("L", 0.85, 1.0)]
        for seconds in (0.97, 1.03):
            aligned = align(grid(phones=phones), utterance(seconds=seconds))
            assert (aligned.phones[-1], aligned.boundaries[-1]) == ("L", seconds)

    def test_times_rounded_to_milliseconds_leave_no_gaps(self):
        phones = [("F", 0.0004, 0.2004), ("ER1", 0.2, 0.3001), ("S", 0.3006, 0.4), ("T", 0.4, 0.9996)]
        aligned = align(grid(words=None, phones=phones), utterance(FIRST))
        assert aligned.phones == FIRST.phones
        assert (np.diff(aligned.boundaries) > 0).all()

    def test_own_pronunciations_are_those_of_the_textgrid(self):
        phones = [("F", 0.1, 0.2), ("IH1", 0.2, 0.3), *PHONES[2:]]
        aligned = align(grid(phones=phones))
        assert aligned.words == (Word("First", ("F", "IH", "S", "T")), PAUSE, CALL)
        failed = align(grid(phones=phones), pronunciations="front_end")
        assert (failed.reason, failed.detail) == ("other phones", "phone 2 is IH, the front end's ER of 'First'")

    def test_words_written_together_are_one_only_if_said_otherwise(self):
        text = utterance(FIRST, PAUSE, CALL)
        joined = [("first-call", 0.1, 0.9)]
        assert align(grid(words=joined), text).words == text.words
        aligned = align(grid(words=joined, phones=PHONES[1:]), text)
        assert aligned.words == (Word("First call", ("ER", "S", "T", "K", "AO", "L")), PAUSE)

    def test_a_word_written_apart_gets_all_its_phones(self):
        parts = [("fi", 0.1, 0.2), ("rst", 0.2, 0.5), ("call", 0.7, 0.9)]
        phones = [*PHONES[:-1], ("R", 0.85, 0.9)]
        assert align(grid(words=parts, phones=phones)).words == (FIRST, PAUSE, Word("call", ("K", "AO", "R")))

    @pytest.mark.parametrize(
        ("changes", "reason", "detail"),
        [
            ({"end": 1.06}, "times disagree with the audio", "it ends at 1.060 s, the clip at 1.000 s"),
            ({"end": 0.94}, "times disagree with the audio", "it ends at 0.940 s, the clip at 1.000 s"),
            (
                {"phones": [*PHONES[:-1], ("L", 1.0, 1.05)], "end": 1.05},
                "times disagree with the audio",
                "it ends at 1.050 s",
            ),
            ({"phones": [*PHONES[:4], ("spn", 0.7, 0.9)]}, "unknown word", "'spn' at 0.700 s"),
            ({"phones": [("F", 0.1, 0.1), *PHONES[1:]]}, "interval without length", "'F' at 0.100 s"),
            ({"phones": [("F", 0.1, float("nan")), *PHONES[1:]]}, "interval without length", "'F' at 0.100 s"),
            ({"words": [("first", 0.5, 0.5), WORDS[1]]}, "interval without length", "'first' at 0.500 s"),
            ({"phones": [("F", 0.1, 0.25), *PHONES[1:]]}, "overlapping times", "'F' ends at 0.250 s, 'ER1' starts"),
            ({"phones": PHONES[::-1]}, "overlapping times", "'L' ends at 0.900 s, 'AO1' starts at 0.800 s"),
            ({"words": [WORDS[0]], "phones": PHONES[:4]}, "other words", "word 2 is missing, in the text 'call'"),
            ({"words": [*WORDS, ("up", 0.9, 1)], "phones": PHONES[1:]}, "other words", "word 3 is 'up', in the text m"),
            ({"phones": PHONES[:4]}, "tiers disagree", "'call' has no phones"),
            ({"words": [("first", 0.1, 0.3), WORDS[1]], "phones": PHONES[1:]}, "tiers disagree", "'S' at 0.300 s"),
            ({"words": None, "phones": PHONES[:-1]}, "other phones", "phone 7 is missing, the front end's L of 'call'"),
            ({"words": None, "phones": [*PHONES, ("Z", 0.9, 1)]}, "other phones", "phone 8 is Z, the front end's miss"),
        ],
    )
    def test_every_fault_has_its_reason(self, changes, reason, detail):
        failed = align(grid(**changes))
        assert isinstance(failed, Failed)
        assert failed.reason == reason
        assert detail in failed.detail

    @given(
        lengths=st.lists(st.integers(2, 300), min_size=4, max_size=4),
        gaps=st.lists(st.integers(0, 300), min_size=5, max_size=5),
        excess=st.integers(-50, 50),
    )
    def test_any_times_give_increasing_boundaries_from_start_to_end(self, lengths, gaps, excess):
        marks, time = [], 0
        for phone, length, gap in zip(FIRST.phones, lengths, gaps, strict=False):
            marks.append((phone, (time + gap) / 1000, (time + gap + length) / 1000))
            time += gap + length
        seconds = max((time + gaps[-1] + excess) / 1000, 0.001)
        text = utterance(FIRST, seconds=seconds)
        result = align(grid(words=None, phones=marks, end=(time + gaps[-1]) / 1000), text)
        if marks[-1][1] + 0.001 >= seconds:
            assert result.reason == "times disagree with the audio"
        else:
            assert [phone for phone in result.phones if phone != "sil"] == list(FIRST.phones)
            assert len(result.boundaries) == len(result.phones) + 1
            assert (result.boundaries[0], result.boundaries[-1]) == (0, seconds)
            assert (np.diff(result.boundaries) > 0).all()


class TestWording:
    @pytest.mark.parametrize(
        ("ours", "theirs", "groups"),
        [
            (["Twenty", "one"], ["twenty-one"], [([0, 1], [0])]),
            (["don't", "go"], ["don", "'t", "go"], [([0], [0, 1]), ([1], [2])]),
            (["Café"], ["cafe"], [([0], [0])]),
            (["U.S.", "is"], ["us", "is"], [([0], [0]), ([1], [1])]),
            (["-", "so"], ["so", "'"], [([0, 1], [0, 1])]),
            ([], [], []),
        ],
    )
    def test_words_spelled_alike_are_matched(self, ours, theirs, groups):
        assert match_words(ours, theirs) == groups

    def test_others_are_not(self):
        assert match_words(["a", "b"], ["a", "c"]) is None
        assert first_difference(["a", "b"], ["a", "c"]) == "word 2 is 'c', in the text 'b'"

    @given(st.lists(st.text("abAB'-é", min_size=1), max_size=8), st.data())
    def test_any_split_of_the_same_letters_is_matched_and_no_word_is_lost(self, ours, data):
        text = "".join(ours)
        cuts = sorted(data.draw(st.sets(st.integers(1, max(len(text) - 1, 1)), max_size=5))) if text else []
        theirs = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        groups = match_words(ours, theirs)
        if any(char.isalpha() for char in text):
            assert [index for mine, _ in groups for index in mine] == list(range(len(ours)))
            assert [index for _, other in groups for index in other] == list(range(len(theirs)))


def clips(*names):
    return [utterance(name=name) for name in names]


def aligner(folder, **settings):
    return TextGridAligner(TextGridSettings(folder=str(folder), **settings))


def results(aligner, utterances, folder):
    aligner.fit(utterances, folder, run=serial_map)
    return {each.utterance_id: each for each in aligner.align(utterances, folder, run=serial_map)}


class TestImporting:
    def test_files_are_found_in_folders_of_any_names(self, tmp_path):
        tiers = {"words": WORDS, "phones": PHONES}
        for name in ("x/y/a.TextGrid", "b.textgrid", "ann/1.TextGrid", ".old/a.TextGrid", "x/._b.TextGrid"):
            write(tmp_path / name, tiers)
        found = results(aligner(tmp_path), clips("a", "b", "ann-1", "c"), tmp_path)
        assert all(isinstance(found[name], Aligned) for name in ("a", "b", "ann-1"))
        assert found["c"] == Failed("c", "no TextGrid", "no file c.TextGrid")

    def test_a_broken_file_fails_its_clip_alone(self, tmp_path):
        write(tmp_path / "a.TextGrid", {"words": WORDS, "phones": PHONES})
        (tmp_path / "b.TextGrid").write_text("nothing")
        found = results(aligner(tmp_path), clips("a", "b"), tmp_path)
        assert isinstance(found["a"], Aligned)
        assert found["b"].reason == "broken TextGrid"
        assert "b.TextGrid: is not a TextGrid" in found["b"].detail

    def test_the_tolerance_is_that_of_the_settings(self, tmp_path):
        write(tmp_path / "a.TextGrid", {"words": WORDS, "phones": PHONES}, end=1.1)
        assert results(aligner(tmp_path), clips("a"), tmp_path)["a"].reason == "times disagree with the audio"
        assert isinstance(results(aligner(tmp_path, tolerance_ms=100), clips("a"), tmp_path)["a"], Aligned)

    def test_the_key_changes_with_a_textgrid_or_a_setting_but_not_with_the_place(self, tmp_path):
        def key(folder, **settings):
            return aligner(folder, **settings).fit(clips("a"), tmp_path, run=serial_map).key

        for place in ("one", "two"):
            write(tmp_path / place / "a.TextGrid", {"words": WORDS, "phones": PHONES})
        write(tmp_path / "two" / "other.TextGrid", {"phones": PHONES})
        first = key(tmp_path / "one")
        assert first == key(tmp_path / "two")
        assert first != key(tmp_path / "one", tolerance_ms=10)
        assert first != key(tmp_path / "one", pronunciations="front_end")
        write(tmp_path / "one" / "a.TextGrid", {"words": WORDS, "phones": PHONES[1:]})
        assert first != key(tmp_path / "one")

    def test_the_facts_are_plain_json(self, tmp_path):
        write(tmp_path / "a.TextGrid", {"phones": PHONES})
        facts = aligner(tmp_path).fit(clips("a", "b"), tmp_path, run=serial_map).facts
        assert json.loads(json.dumps(facts)) == facts
        assert (facts["textgrids"], facts["pronunciations"]) == (1, "own")

    def test_other_pronunciations_are_told_once_with_their_remedy(self, tmp_path, caplog):
        phones = [("F", 0.1, 0.2), ("IH1", 0.2, 0.3), *PHONES[2:]]
        for name in ("a", "b"):
            write(tmp_path / f"{name}.TextGrid", {"words": WORDS, "phones": phones})
        with caplog.at_level(logging.WARNING):
            results(aligner(tmp_path), clips("a", "b"), tmp_path)
        (message,) = (record.getMessage() for record in caplog.records)
        assert message.startswith("50.0% of 4 words are said otherwise in the TextGrids than by the front end")
        assert "First = F IH S T" in message
        assert "text.lexicon" in message

    def test_the_same_pronunciations_are_not_talked_about(self, tmp_path, caplog):
        write(tmp_path / "a.TextGrid", {"words": WORDS, "phones": PHONES})
        results(aligner(tmp_path), clips("a"), tmp_path)
        assert caplog.records == []

    def test_another_alphabet_stops_the_stage(self, tmp_path):
        letters = "abcdefghijkl"
        marks = [(letter.upper(), i / 12, (i + 1) / 12) for i, letter in enumerate(letters)]
        write(tmp_path / "a.TextGrid", {"words": [("all", 0, 1)], "phones": marks})
        clip = utterance(Word("all", tuple(letters)))
        with pytest.raises(AlignmentError, match="of another alphabet than those of"):
            aligner(tmp_path).fit([clip], tmp_path, run=serial_map)

    def test_a_folder_that_cannot_serve_is_refused(self, tmp_path):
        with pytest.raises(AlignmentError, match=r"align\.textgrid\.folder is not set"):
            TextGridAligner(TextGridSettings()).fit(clips("a"), tmp_path, run=serial_map)
        with pytest.raises(AlignmentError, match=r"there is no such folder; correct align\.textgrid\.folder"):
            aligner(tmp_path / "none").fit(clips("a"), tmp_path, run=serial_map)
        write(tmp_path / "z.TextGrid", {"phones": PHONES})
        with pytest.raises(AlignmentError, match=r"no TextGrid in it is of these clips.*\(a\.TextGrid\)"):
            aligner(tmp_path).fit(clips("a"), tmp_path, run=serial_map)

    def test_two_files_for_one_clip_are_both_named(self, tmp_path):
        for name in ("x", "y"):
            write(tmp_path / name / "a.TextGrid", {"phones": PHONES})
        with pytest.raises(AlignmentError, match=r"x/a\.TextGrid and .*y/a\.TextGrid are both the TextGrid of a"):
            aligner(tmp_path).fit(clips("a"), tmp_path, run=serial_map)


class TestRealFiles:
    """Output of the Montreal Forced Aligner 3.4.3, with its own dictionary."""

    @pytest.fixture
    def folder(self, shared):
        folder = shared / "golden" / "mfa" / "textgrids"
        if not folder.is_dir():
            pytest.skip(f"needs TextGrids of MFA in {folder}, which is not part of the product")
        return folder

    def test_all_that_has_no_unknown_word_is_imported(self, folder, tmp_path):
        texts = {path.stem: path.read_text().strip() for path in sorted(folder.rglob("*.lab"))}
        ends = {
            path.stem: float(re.search(r"xmax = (\S+)", path.read_text())[1]) for path in folder.rglob("*.TextGrid")
        }
        said = EnglishFrontend(stress=False).pronounce(list(texts.values()), "en")
        utterances = [
            Utterance(name, "someone", Silent(round(ends[name] * 48000), 48000), words, key=name)
            for name, words in zip(texts, said, strict=True)
        ]
        found = results(aligner(folder), utterances, tmp_path)
        failed = {name for name, each in found.items() if isinstance(each, Failed)}
        assert {found[name].reason for name in failed} == {"unknown word"}
        assert failed == {path.stem for path in folder.rglob("*.TextGrid") if '"spn"' in path.read_text()}
        assert len(found) - len(failed) == 122
        for each in found.values():
            if isinstance(each, Aligned):
                phones = [phone for word in each.words for phone in word.phones]
                assert [phone for phone in each.phones if phone != "sil"] == phones
                assert (np.diff(each.boundaries) > 0).all()
