"""A page that compares ways to new voices: runs that start from one model, by what was measured as they learned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.params import Params
from pipeline.paths import Paths
from pipeline.recitals import recital_of
from pipeline.report_clip import ClipPicture, clip_svg
from pipeline.report_curves import chart
from pipeline.report_html import (
    card,
    cell,
    charts,
    clip_figure,
    data_uri,
    figures,
    heading,
    navigation,
    page,
    paragraph,
    section,
    table,
)
from pipeline.report_pictures import lossless_sound, mel_of
from pipeline.run_curves import MeasuredCurve, read_curves
from pipeline.training import Run, read_run
from pipeline.watching import waveform_of
from tts.audio.mel_definition import MelDefinition
from tts.metrics.intervals import Interval, interval, paired_difference
from tts.metrics.settings import HIGHER_IS_BETTER
from tts.models import load_model
from tts.training.samples import render
from tts.training.settings import RunSettings

Sound = npt.NDArray[np.float32]

_OWN, _OTHER = "speaker_similarity", "speaker_similarity_other"
_TITLES = {
    _OWN: "similarity to the speaker",
    _OTHER: "similarity to the nearest other",
    "mcd_db": "MCD, dB",
    "cer": "CER",
    "log_f0_rmse": "log-F0 RMSE",
    "dnsmos_ovrl": "DNSMOS overall",
}


@dataclass(frozen=True)
class Choice:
    """One way to the new voices.

    Attributes:
        name: of the run.
        settings: of it.
        curves: what was measured, by name of the curve.
    """

    name: str
    settings: RunSettings
    curves: Mapping[str, MeasuredCurve]

    @property
    def words(self) -> str:
        """What was chosen."""
        if self.settings.init_from is None:
            return "from scratch"
        frozen = ", ".join(span.pattern for span in self.settings.freeze)
        return f"rows start: {self.settings.speaker_init}; frozen: {frozen or 'nothing'}"

    def of_new(self, metric: str) -> MeasuredCurve | None:
        """Curve of the new voices; a run from scratch knows no others."""
        return self.curves.get(f"{metric}_new") or self.curves.get(metric)

    def of_known(self, metric: str) -> MeasuredCurve | None:
        """Curve of the voices that were known before."""
        return self.curves.get(f"{metric}_known")


def choices(params: Params, paths: Paths, built: Sequence[str]) -> dict[str, list[Choice]]:
    """Ways to new voices by the run they start from; runs from scratch of the same voices are among them."""
    found: dict[str, list[Choice]] = defaultdict(list)
    read = {name: Choice(name, params.runs[name], read_curves(paths.run_curves(name))) for name in built}
    for choice in read.values():
        if choice.settings.init_from and any(curve.group == "new" for curve in choice.curves.values()):
            found[choice.settings.init_from].append(choice)
    for base, own in found.items():
        found[base] += [each for each in read.values() if each.name != base and _is_control(each, own[0])]
    return dict(found)


def new_voices_page(params: Params, paths: Paths, found: Mapping[str, Sequence[Choice]]) -> str:
    """Give the HTML of the comparison.

    Args:
        params: of the project.
        paths: of the project.
        found: as `choices` gives it, with one base at least.

    Raises:
        DataError, CheckpointError: a model or what it was trained on is missing.
    """
    return page(
        "New voices",
        paragraph(
            "Fixed sentences of the validation split, which no run learned from, were spoken and measured before, "
            "while and after each run learned. Intervals hold 95 %, by bootstrap over sentences; differences are "
            "paired sentence by sentence, so that what makes one hard falls out. Each run was made once."
        ),
        navigation((f"base-{base}", f"From {base}") for base in found),
        *(section(f"base-{base}", f"From {base}", *_parts(params, paths, own)) for base, own in found.items()),
    )


def ranked(found: Sequence[Choice]) -> tuple[str, list[Choice]]:
    """Speaker similarity where all have it, else MCD; and the choices by it, the best first."""
    metric = _OWN if all(choice.of_new(_OWN) for choice in found) else "mcd_db"
    sign = -1 if metric in HIGHER_IS_BETTER else 1
    return metric, sorted(found, key=lambda choice: (sign * _mean(choice.of_new(metric)), choice.name))


def verdict(metric: str, order: Sequence[Choice]) -> str:
    """Which choice is best, and which others the sentences cannot tell from it."""
    best, *rest = order
    ours = best.of_new(metric)
    assert ours is not None, "it was ranked by it"
    close = [each.name for each in rest if not _difference(ours.last, each.of_new(metric)).excludes_zero]
    found = interval(list(ours.last.values()))
    won = f"{best.name} ({best.words}) is best in {_TITLES[metric]}: {_text(found)} over {found.n} sentences"
    if not rest:
        return f"{won}."
    told = f"{len(rest) - len(close)} of the {len(rest)} others are worse by an interval that excludes 0"
    return f"{won}; {told}{_undecided(close)}."


def _undecided(names: Sequence[str]) -> str:
    return f", and of {', '.join(names)} these sentences do not tell" if names else ""


def _parts(params: Params, paths: Paths, found: Sequence[Choice]) -> Iterator[str]:
    metric, order = ranked(found)
    yield paragraph(verdict(metric, order))
    yield _new_table(order)
    yield _known_table([choice for choice in order if choice.of_known("mcd_db") or choice.of_known(_OWN)])
    for each in (_OWN, "mcd_db"):
        if all(choice.of_new(each) for choice in order):
            yield from _charts(each, order)
    yield heading("Listen")
    yield from _cards(params, paths, order)


def _new_table(order: Sequence[Choice]) -> str:
    metrics = [metric for metric in _TITLES if any(choice.of_new(metric) for choice in order)]
    rows = [
        [
            choice.name,
            cell(choice.words),
            *(_change(choice.of_new(metric), is_first=number == 0) for metric in metrics),
            *([_margin(choice)] if _OWN in metrics and _OTHER in metrics else []),
        ]
        for number, choice in enumerate(order)
    ]
    margin = ["own above other"] if _OWN in metrics and _OTHER in metrics else []
    caption = "The new voices after training, the best run first; small: the interval, and the mean before training."
    return table(caption, ["", "choice", *(_TITLES[metric] for metric in metrics), *margin], rows)


def _known_table(order: Sequence[Choice]) -> str:
    metrics = [metric for metric in _TITLES if metric != _OTHER and any(choice.of_known(metric) for choice in order)]
    rows = [[choice.name, *(_loss(choice.of_known(metric)) for metric in metrics)] for choice in order]
    caption = (
        "What became of the voices that were known: after training less before, by pairs; bold where it excludes 0."
    )
    return table(caption, ["", *(_TITLES[metric] for metric in metrics)], rows)


def _change(curve: MeasuredCurve | None, *, is_first: bool) -> str:
    if curve is None or not curve.last:
        return cell("–")
    found = interval(list(curve.last.values()))
    before = f"; before {_mean_of(curve.first):.3g}" if len(curve.values) > 1 and curve.first else ""
    return cell(f"{found.mean:.3g}", below=f"{found.low:.3g} to {found.high:.3g}{before}", is_first=is_first)


def _margin(choice: Choice) -> str:
    own, other = choice.of_new(_OWN), choice.of_new(_OTHER)
    if own is None or other is None:
        return cell("–")
    found = paired_difference(own.last, other.last)
    told = "nearer to its own" if found.low > 0 else "nearer to another" if found.high < 0 else "does not tell"
    return cell(f"{found.mean:+.3f}", below=f"{found.low:+.3f} to {found.high:+.3f}: {told}")


def _loss(curve: MeasuredCurve | None) -> str:
    if curve is None or not curve.last.keys() & curve.first.keys():
        return cell("–")
    found = paired_difference(curve.last, curve.first)
    return cell(f"{found.mean:+.3g}", below=f"{found.low:+.3g} to {found.high:+.3g}", is_first=found.excludes_zero)


def _charts(metric: str, order: Sequence[Choice]) -> Iterator[str]:
    grey = {_OWN: "the nearest other speaker", "mcd_db": "voices that were known"}[metric]
    yield heading(f"New voices: {_TITLES[metric]} over steps")
    yield paragraph(f"Coloured: new voices. Grey: {grey}.")
    beside = {choice.name: choice.of_new(_OTHER) if metric == _OWN else choice.of_known(metric) for choice in order}
    yield charts(
        chart(choice.name, _means(beside[choice.name]), _means(choice.of_new(metric)), drawn="new voices")
        for choice in order
    )


def _cards(params: Params, paths: Paths, order: Sequence[Choice]) -> Iterator[str]:
    """A sentence of each new speaker, recorded and by all choices."""
    runs = {choice.name: read_run(params, paths, choice.name) for choice in order}
    first = runs[order[0].name]
    names = _one_of_each(first, order[0])
    said = {name: _say(run, paths, name, names) for name, run in runs.items()}
    for name in names:
        recording = first.features.audio(name)
        sounds = {"recording": recording, **{run: found[name] for run, found in said.items() if name in found}}
        clip, drawn = first.features.utterances[name], _drawn(sounds, first.inventory.mel)
        yield card(clip.text, f"{name} · {clip.speaker}", figures(drawn))


def _drawn(sounds: Mapping[str, Sound], definition: MelDefinition) -> Iterator[str]:
    """Players under pictures in the colours of the recording's."""
    mel = mel_of(sounds["recording"], definition)
    levels = float(mel.min()), float(mel.max())
    for title, sound in sounds.items():
        svg = clip_svg(ClipPicture(sound, definition, levels=levels), label=f"mel spectrogram, {title}")
        audio = data_uri(*lossless_sound(sound, sample_rate=definition.sample_rate))
        yield clip_figure(title, "", svg, audio=audio, label=title)


def _say(run: Run, paths: Paths, name: str, ids: Sequence[str]) -> dict[str, Sound]:
    """Clips by id, as a run's final weights say them; those it cannot say are absent, with a warning."""
    network = load_model(paths.model(name)).network
    said = render(recital_of(run, network, ids), network, seed=run.settings.seed)
    return {clip.utterance_id: waveform_of(clip.sound, run.inventory.mel) for clip in said}


def _one_of_each(run: Run, choice: Choice) -> list[str]:
    """The first measured clip of each new speaker."""
    curve = choice.of_new(ranked([choice])[0])
    assert curve is not None, "it was ranked by it"
    speakers: dict[str, str] = {}
    for name in sorted({name for found in curve.values.values() for name in found}):
        speakers.setdefault(run.features.utterances[name].speaker, name)
    return list(speakers.values())


def _is_control(choice: Choice, tuned: Choice) -> bool:
    """Whether a run learns the same voices from scratch."""
    ours, theirs = choice.settings, tuned.settings
    return (
        ours.init_from is None
        and bool(choice.curves)
        and ours.speakers is not None
        and (ours.system, ours.corpus, ours.speakers) == (theirs.system, theirs.corpus, theirs.speakers)
    )


def _difference(ours: Mapping[str, float], theirs: MeasuredCurve | None) -> Interval:
    assert theirs is not None, "it was ranked by it"
    return paired_difference(ours, theirs.last)


def _means(curve: MeasuredCurve | None) -> list[tuple[float, float]]:
    return curve.means if curve else []


def _mean(curve: MeasuredCurve | None) -> float:
    assert curve is not None, "only choices that have the metric are ranked by it"
    return _mean_of(curve.last)


def _mean_of(values: Mapping[str, float]) -> float:
    return sum(values.values()) / len(values)


def _text(found: Interval) -> str:
    return f"{found.mean:.3g} ({found.low:.3g} to {found.high:.3g})"
