"""A voice in the report: its scores beside its anchors, and a few utterances to listen to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.clip_scores import SCORES
from pipeline.evaluation import SENTENCES
from pipeline.report_html import card, cell, definitions, details, heading, listening, paragraph, section, table
from pipeline.report_pictures import flac, mel_of, mel_png
from pipeline.report_styles import style_part
from tts.audio.files import read_audio
from tts.audio.mel_definition import MelDefinition
from tts.config import build
from tts.data.tables import read_metadata, read_table

Row = Mapping[str, Any]
Means = Mapping[str, Mapping[str, Mapping[str, float]]]

TITLES = {
    "voice": "Voice",
    "copy_synthesis": "Copy-synthesis",
    "griffin_lim": "Griffin-Lim",
    "ground_truth": "Ground truth",
}
_ANCHORS = (
    "Copy-synthesis is the voice's vocoder on the recordings' own mels: what the voice would reach with a perfect "
    "acoustic model. Griffin-Lim on the same mels is what speech sounds like without a neural vocoder."
)
_LISTENED = 6


@dataclass(frozen=True)
class _Metric:
    """How a metric is shown."""

    title: str
    unit: str
    better: str
    meaning: str


_METRICS = {
    "dnsmos_ovrl": _Metric("DNSMOS overall", "1 to 5", "↑", "opinion predicted from the signal (P.835, overall)"),
    "dnsmos_sig": _Metric("DNSMOS signal", "1 to 5", "↑", "the same for the speech alone"),
    "dnsmos_bak": _Metric("DNSMOS background", "1 to 5", "↑", "the same for noise around it"),
    "dnsmos_p808": _Metric("DNSMOS P.808", "1 to 5", "↑", "opinion predicted from the signal (P.808)"),
    "wv_mos": _Metric("WV-MOS", "1 to 5", "↑", "opinion predicted by wav2vec 2.0"),
    "wer": _Metric("WER", "share", "↓", "words that a recogniser mishears; ground truth is what it reaches at best"),
    "cer": _Metric("CER", "share", "↓", "the same for characters"),
    "speaker_similarity": _Metric(
        "Speaker similarity", "cosine", "↑", "of speaker vectors, with other recordings of the speaker"
    ),
    "speaker_similarity_other": _Metric(
        "Similarity to another", "cosine", "↓", "the same with the most similar of the other speakers"
    ),
    "speaker_accuracy": _Metric(
        "Speaker accuracy", "share", "↑", "clips that are more similar to their speaker than to any other"
    ),
    "pesq": _Metric("PESQ", "1 to 4.6", "↑", "wideband, of clips in step with the recording"),
    "stoi": _Metric("STOI", "at most 1", "↑", "intelligibility of clips in step with the recording"),
    "estoi": _Metric("ESTOI", "at most 1", "↑", "the same, extended to noise that comes and goes"),
    "mcd_db": _Metric("MCD", "dB", "↓", "mel-cepstral distortion, 13 cepstra of the log-mel, along a DTW path"),
    "mel_l1": _Metric("Mel L1", "nepers", "↓", "mean difference of log-mels along the path"),
    "mr_stft": _Metric("MR-STFT", "", "↓", "multi-resolution STFT distance of clips in step with the recording"),
    "log_f0_rmse": _Metric("log-F0 RMSE", "nepers", "↓", "melody where both are voiced; 0.058 is a semitone"),
    "log_f0_correlation": _Metric("log-F0 correlation", "-1 to 1", "↑", "whether the melodies move alike"),
    "vuv_error": _Metric("V/UV error", "share", "↓", "frames voiced in one and unvoiced in the other"),
    "energy_mae_db": _Metric("Energy MAE", "dB", "↓", "mean difference in level along the path"),
    "duration_mae_ms": _Metric("Duration MAE", "ms", "↓", "predicted phones against the aligned recording"),
    "real_time_factor": _Metric(
        "Real-time factor", "", "↓", "seconds of work for a second of speech, one clip at a time"
    ),
}


def voice_section(name: str, settings: str, *, means: Means, scores: Path, audio: Path) -> str:
    """The section of a voice.

    Args:
        name: of the voice.
        settings: what it is made of, in words.
        means: metrics/voices/<voice>.json.
        scores: data/scores/<voice>.
        audio: data/audio/<voice>.

    Raises:
        DataError: scores are missing.
        AudioError: a clip is missing or damaged.
    """
    sentences = read_table(scores / "utterances.parquet", SENTENCES)
    return section(
        f"voice-{name}",
        f"Voice {name}",
        paragraph(settings),
        _scores_table(means),
        details("What the metrics mean", _meanings(means)),
        _absences(read_table(scores / "scores.parquet", SCORES), len(sentences)),
        heading("Listen"),
        paragraph(_ANCHORS),
        *_cards(_spread(sentences), scores, audio),
        style_part(scores / "styles.parquet"),
    )


def _scores_table(means: Means) -> str:
    present = [name for name in _METRICS if any(name in means[row] for row in TITLES)]
    most = max((int(means[row][name]["n"]) for row in TITLES for name in means[row]), default=0)
    rows = [[_title(name), *(_score(means[row].get(name), most, row) for row in TITLES)] for name in present]
    caption = f"Means over {most} test utterances with 95 % bootstrap intervals; ↑ higher is better, ↓ lower is better."
    return table(caption, ["", *TITLES.values()], rows)


def _title(name: str) -> str:
    metric = _METRICS[name]
    return f"{metric.title}{f', {metric.unit}' if metric.unit else ''} {metric.better}"


def _score(found: Mapping[str, float] | None, most: int, row: str) -> str:
    if found is None:
        return cell("–")
    if found["low"] == found["high"] == 0:
        return cell("0")  # the recording beside itself
    fewer = f" (n = {found['n']:.0f})" if found["n"] != most else ""
    interval = f"{_number(found['low'])} to {_number(found['high'])}{fewer}"
    return cell(_number(found["mean"]), below=interval, is_first=row == "voice")


def _number(value: float) -> str:
    """Three significant digits, without exponents."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}" if abs(value) >= 0.001 else f"{value:.3f}"


def _meanings(means: Means) -> str:
    present = [name for name in _METRICS if any(name in means[row] for row in TITLES)]
    return definitions((_METRICS[name].title, _METRICS[name].meaning) for name in present)


def _absences(scores: Sequence[Row], num_utterances: int) -> str:
    """Why cells are empty, or made of fewer utterances."""
    counts = Counter((row["metric"], row["row"], row["reason"]) for row in scores if row["reason"])
    if not counts:
        return ""
    return details(
        "Why some values are missing",
        definitions(
            (f"{_METRICS[metric].title}, {TITLES[row]}", f"{reason} ({count} of {num_utterances} utterances)")
            for (metric, row, reason), count in sorted(counts.items())
        ),
    )


def _spread(sentences: Sequence[Row]) -> list[Row]:
    """A few utterances evenly spaced among the sorted ids, which begin with speakers in most corpora."""
    count = min(_LISTENED, len(sentences))
    return [sentences[index * len(sentences) // count] for index in range(count)]


def _cards(sentences: Sequence[Row], scores: Path, audio: Path) -> Iterator[str]:
    metadata = read_metadata(scores / "utterances.parquet")
    definition = build(MelDefinition, json.loads(metadata["mel_definition"]), where=f"{scores}: mel_definition")
    folders = {row: audio if row == "voice" else scores / "audio" / row for row in TITLES}
    distortions = {
        (row["utterance_id"], row["row"]): row["value"]
        for row in read_table(scores / "scores.parquet", SCORES)
        if row["metric"] == "mcd_db" and row["value"] is not None
    }
    for sentence in sentences:
        name = sentence["utterance_id"]
        notes = {row: _distortion(distortions.get((name, row))) for row in TITLES}
        yield _card(sentence, {row: folder / f"{name}.wav" for row, folder in folders.items()}, notes, definition)


def _distortion(value: float | None) -> str:
    return "" if not value else f"MCD {value:.1f} dB"


def _card(sentence: Row, files: Mapping[str, Path], notes: Mapping[str, str], definition: MelDefinition) -> str:
    rate = definition.sample_rate
    clips = {row: read_audio(path, sample_rate=rate) for row, path in files.items()}
    mels = {row: mel_of(clip, definition) for row, clip in clips.items()}
    low, high = float(mels["ground_truth"].min()), float(mels["ground_truth"].max())
    longest = max(len(clip) for clip in clips.values())
    figures = [
        listening(
            TITLES[row],
            notes[row],
            flac=flac(clips[row], sample_rate=rate),
            png=mel_png(mels[row], low=low, high=high),
            width_percent=100 * len(clips[row]) / longest,
        )
        for row in TITLES
    ]
    note = f"{sentence['utterance_id']} · {sentence['speaker']} · {sentence['style']}"
    return card(sentence["text"], note, figures)
