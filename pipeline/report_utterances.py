"""A voice's utterances in the report: a table of all, the worst first, and players with pictures of many."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from pipeline.clip_scores import values_by_row
from pipeline.intervals import read_intervals
from pipeline.parallel import Executor
from pipeline.report_clip import ClipPicture, Melodies, clip_svg
from pipeline.report_facts import ROWS, VoiceFacts
from pipeline.report_html import Html, cell, clip_figure, data_uri, figures, folded_card, link, paragraph, table
from pipeline.report_metrics import METRICS, number
from pipeline.report_pictures import Floats, lossless_sound, mel_of, small_sound
from pipeline.speaking import SPOKEN
from tts.alignment.intervals import Interval
from tts.audio.files import read_audio
from tts.audio.mel_definition import MelDefinition
from tts.audio.prosody import f0
from tts.data.tables import read_table
from tts.errors import DataError
from tts.metrics.cepstral import mel_cepstra
from tts.metrics.settings import HIGHER_IS_BETTER
from tts.metrics.warping import warping_path

Row = Mapping[str, Any]
Values = Mapping[str, Mapping[str, float]]

_COLUMNS = ("mcd_db", "log_f0_rmse", "vuv_error", "duration_mae_ms", "dnsmos_ovrl", "wv_mos", "wer", "cer")
"""Metrics of the table; it is sorted by the first that the voice has."""

_ABOUT = (
    "Copy-synthesis is the voice's vocoder on the recordings' own mels: what the voice would reach with a perfect "
    "acoustic model. Griffin-Lim on the same mels is what speech sounds like without a neural vocoder. A click on a "
    "picture plays from there. The blue line is the melody, the dashed one that of the recording, at the same words; "
    "below stand the phones as the voice timed them, and as they were found in the recording."
)
_HEARD = ("voice", "ground_truth", "copy_synthesis", "griffin_lim")
_OPEN = 3
_PIXELS_PER_SECOND = 170
_LOSSLESS_SECONDS, _MOST_SECONDS = 400.0, 1400.0  # of sound in a page of 25 MB, as FLAC and as MP3
_MOST_CARDS = 50
_BEYOND = 1.3  # the picture of a melody reaches so much beyond its lowest and highest Hz


@dataclass(frozen=True)
class Budget:
    """How much a voice may bring into the page.

    Attributes:
        cards: utterances that can be heard.
        seconds: of their sound.
        lossless_seconds: of sound, up to which it is kept as it is.
    """

    cards: int
    seconds: float
    lossless_seconds: float

    @classmethod
    def shared_by(cls, num_voices: int) -> Budget:
        """An equal part of a page's."""
        count = max(num_voices, 1)
        return cls(max(_MOST_CARDS // count, 1), _MOST_SECONDS / count, _LOSSLESS_SECONDS / count)


@dataclass(frozen=True)
class _Utterance:
    """What is shown of an utterance.

    Attributes:
        identifier: of its card.
        sentence: its row of utterances.parquet.
        scores: the voice's, by metric.
        distortions: MCD by row.
        spoken: its row of synthesized.parquet.
        aligned: phones of the recording.
    """

    identifier: str
    sentence: Row
    scores: Mapping[str, float]
    distortions: Mapping[str, float]
    spoken: Row
    aligned: Sequence[Interval]

    @property
    def name(self) -> str:
        return str(self.sentence["utterance_id"])

    @property
    def note(self) -> str:
        return " · ".join(str(self.sentence[key]) for key in ("utterance_id", "speaker", "style"))

    def phones(self, row: str, definition: MelDefinition) -> Sequence[Interval]:
        """Where its phones are: as the voice chose, or as found in the recording; nothing for the other anchors."""
        if row == "voice":
            ends = np.cumsum(self.spoken["durations"]) / definition.frames_per_second
            starts = [0.0, *ends.tolist()]
            spans = zip(self.spoken["phones"], itertools.pairwise(starts), strict=True)
            return [Interval(phone, start, end, "") for phone, (start, end) in spans]
        return self.aligned if row == "ground_truth" else ()


def utterances_part(voice: VoiceFacts, scores: Sequence[Row], budget: Budget, executor: Executor) -> Iterator[str]:
    """The table of a voice's utterances, and cards of those that fit.

    Args:
        voice: the voice.
        scores: its rows of scores.parquet.
        budget: how much fits.
        executor: where pictures and sounds are made.

    Raises:
        DataError: a table is missing or damaged, or the voice spoke anew since it was measured.
        AudioError: a clip is missing or damaged.
    """
    utterances = _worst_first(_read(voice, scores))
    shown = _choose(utterances, voice.definition, budget)
    is_lossless = _seconds(shown, voice.definition) <= budget.lossless_seconds
    yield paragraph(_ABOUT)
    yield _table(utterances, {each.name for each in shown})
    if not is_lossless:
        yield paragraph("The clips are MP3 here, to keep the page small; data/audio and data/scores hold them as WAV.")
    make = partial(_card, voice, is_lossless=is_lossless)
    yield from executor.map(make, list(enumerate(shown)), label=f"pictures {voice.name}")


def _read(voice: VoiceFacts, scores: Sequence[Row]) -> list[_Utterance]:
    values = values_by_row(scores)
    names = [row["utterance_id"] for row in voice.sentences]
    own = _by_utterance(values["voice"])
    distortions = _by_utterance({row: values[row]["mcd_db"] for row in ROWS})
    table_of_spoken = read_table(voice.audio / "synthesized.parquet", SPOKEN)
    spoken = {row["utterance_id"]: row for row in table_of_spoken}
    if unspoken := [name for name in names if name not in spoken]:
        raise DataError(
            f"{voice.audio}: lacks {unspoken[0]}, which was measured; run `tts evaluate {voice.name}` again"
        )
    aligned = read_intervals(voice.paths.alignments(voice.settings.corpus) / "phones.parquet", only=names)
    return [
        _Utterance(
            f"{voice.name}-{number}",
            row,
            own.get(name, {}),
            distortions.get(name, {}),
            spoken[name],
            aligned.get(name, ()),
        )
        for number, (name, row) in enumerate(zip(names, voice.sentences, strict=True))
    ]


def _by_utterance(values: Values) -> Mapping[str, Mapping[str, float]]:
    """Values by utterance and key, of values by key and utterance."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for key, by_utterance in values.items():
        for name, value in by_utterance.items():
            found[name][key] = value
    return found


def _worst_first(utterances: Sequence[_Utterance]) -> list[_Utterance]:
    """By the first metric that there is; those that lack it come last."""
    metric = _deciding(utterances)
    if metric is None:
        return list(utterances)
    sign = 1 if metric in HIGHER_IS_BETTER else -1
    return sorted(utterances, key=lambda each: (metric not in each.scores, sign * each.scores.get(metric, 0)))


def _deciding(utterances: Sequence[_Utterance]) -> str | None:
    return next((name for name in _COLUMNS if any(name in each.scores for each in utterances)), None)


def _choose(utterances: Sequence[_Utterance], definition: MelDefinition, budget: Budget) -> list[_Utterance]:
    """All that fit; if some do not, the worst half of that many and others from the worst to the best."""
    mean_seconds = _seconds(utterances, definition) / max(len(utterances), 1)
    count = max(min(budget.cards, int(budget.seconds / max(mean_seconds, 1e-6))), 1)
    if len(utterances) <= count:
        return list(utterances)
    worst, others = utterances[: count // 2], utterances[count // 2 :]
    rest = count - len(worst)
    return [*worst, *(others[index * len(others) // rest] for index in range(rest))]


def _seconds(utterances: Sequence[_Utterance], definition: MelDefinition) -> float:
    """Of sound, about: anchors are as long as the voice, or nearly."""
    samples: int = sum(each.spoken["num_samples"] for each in utterances)
    return len(ROWS) * samples / definition.sample_rate


def _table(utterances: Sequence[_Utterance], shown: set[str]) -> str:
    columns = [name for name in _COLUMNS if any(name in each.scores for each in utterances)]
    rows = [
        [_row_name(each, is_shown=each.name in shown), *(_value(each.scores.get(name)) for name in columns)]
        for each in utterances
    ]
    caption = "All utterances of the voice, the worst first; a column's head sorts by it."
    if len(shown) < len(utterances):
        caption += f" Those that are links can be heard below, {len(shown)} of {len(utterances)}."
    heads = ["utterance", *(METRICS[name].name_with_unit for name in columns)]
    metric = _deciding(utterances)
    order = "ascending" if metric in HIGHER_IS_BETTER else "descending"
    sorted_by = (METRICS[metric].name_with_unit, order) if metric else ("", "")
    inner = table(caption, heads, rows, is_sortable=True, sorted_by=sorted_by)
    return f'<div class="utterances">{inner}</div>'


def _row_name(utterance: _Utterance, *, is_shown: bool) -> str | Html:
    text = utterance.sentence["text"]
    return link(text, utterance.identifier, below=utterance.note) if is_shown else text


def _value(value: float | None) -> str:
    return cell("–") if value is None else cell(number(value), value=value)


def _card(voice: VoiceFacts, placed: tuple[int, _Utterance], *, is_lossless: bool) -> str:
    torch.set_num_threads(1)  # sums in another order would change the bytes
    (position, utterance), definition = placed, voice.definition
    rate = definition.sample_rate
    clips = {row: read_audio(voice.sound(row, utterance.name), sample_rate=rate) for row in ROWS}
    melodies = _melodies(clips, voice, utterance.sentence["speaker"])
    truth = mel_of(clips["ground_truth"], definition)
    levels = float(truth.min()), float(truth.max())
    parts = []
    for row in _HEARD:
        clip = clips[row]
        phones = utterance.phones(row, definition)
        picture = ClipPicture(clip, definition, phones, melodies[row], levels, pixels_per_second=_PIXELS_PER_SECOND)
        svg = clip_svg(picture, label=_spoken_label(row, picture, melodies[row]))
        sound = (lossless_sound if is_lossless else small_sound)(clip, sample_rate=rate)
        about = f"{ROWS[row]}: {utterance.sentence['text']}"
        note = _distortion(utterance.distortions.get(row))
        parts.append(clip_figure(ROWS[row], note, svg, audio=data_uri(*sound), label=about))
    title = utterance.sentence["text"]
    return folded_card(utterance.identifier, title, utterance.note, figures(parts), is_open=position < _OPEN)


def _spoken_label(row: str, picture: ClipPicture, melodies: Melodies) -> str:
    voiced = melodies.own[melodies.own > 0]
    heard = f", median F0 {np.median(voiced):.0f} Hz" if len(voiced) else ", unvoiced"
    phones = f", phones {' '.join(each.phone for each in picture.phones)}" if picture.phones else ""
    return f"mel spectrogram of {ROWS[row]}, {picture.seconds:.1f} s{heard}{phones}"


def _melodies(clips: Mapping[str, Floats], voice: VoiceFacts, speaker: str) -> dict[str, Melodies]:
    """Melodies on one scale, each beside that of the recording along the path that metrics compare them by."""
    definition = voice.definition
    found = {row: f0(clip, definition, voice.pitch[speaker]) for row, clip in clips.items()}
    voiced = np.concatenate([each[each > 0] for each in found.values()])
    lowest, highest = (float(voiced.min()), float(voiced.max())) if len(voiced) else (100.0, 200.0)
    cepstra = {row: mel_cepstra(mel_of(clip, definition).T) for row, clip in clips.items()}
    melodies = {}
    for row, own in found.items():
        beside = None if row == "ground_truth" else np.zeros_like(own)
        if beside is not None and len(own) and len(found["ground_truth"]):
            ours, theirs = warping_path(cepstra[row], cepstra["ground_truth"])
            beside[ours] = found["ground_truth"][theirs]
        melodies[row] = Melodies(own, beside, lowest / _BEYOND, highest * _BEYOND)
    return melodies


def _distortion(value: float | None) -> str:
    return "" if not value else f"MCD {value:.1f} dB"
