"""The page of `tts corpus check`: one file that works offline, the worst clips first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.corpus_check import Checked
from pipeline.corpus_table import shown_value, summary, yaml_fragment
from pipeline.report_histograms import histogram
from pipeline.report_html import (
    cell,
    charts,
    code,
    definitions,
    facts,
    heading,
    navigation,
    page,
    paragraph,
    section,
    table,
)
from tts.lint.findings import Clip, Finding
from tts.lint.rates import rate_of
from tts.lint.robust import by_speaker

_SHOWN = 200  # cases of a finding: the page stays small, the JSON has all


def corpus_page(checked: Checked) -> str:
    """Give the HTML of a checked corpus."""
    found = [(each.check.name, each.check.title) for each in checked.findings]
    links = [("summary", "Summary"), ("distributions", "Distributions"), *found, ("params", "Params")]
    return page(
        f"Corpus check: {checked.source.name}",
        paragraph(summary(checked)),
        navigation(links),
        section("summary", "Summary", *_summary(checked)),
        section("distributions", "Distributions", charts(_histograms(checked.clips))),
        *(_finding(each) for each in checked.findings),
        section("params", "Params", *_params(checked)),
    )


def _summary(checked: Checked) -> Iterator[str]:
    rows = [
        [
            each.check.title,
            cell("note" if each.check.is_note else "warning"),
            cell(f"{len(each.cases):,}"),
            cell(each.cases[0].name, below=shown_value(each, each.cases[0])),
        ]
        for each in checked.findings
    ]
    yield table("What was found.", ["finding", "", "count", "worst"], rows) if rows else paragraph("Nothing was found.")
    if not any(clip.text for clip in checked.clips):
        yield paragraph("There are no transcripts; only the sound was checked.")
    yield facts("Clips and speech of each speaker.", _speakers(checked.clips))


def _speakers(clips: Sequence[Clip]) -> Iterator[tuple[str, str]]:
    for group in by_speaker(clips):
        minutes = sum(clip.sound.active_seconds for clip in group) / 60
        yield group[0].speaker, f"{len(group):,} clips, {minutes:.1f} min of speech"


def _histograms(clips: Sequence[Clip]) -> Iterator[str]:
    sounds = [clip.sound for clip in clips]
    rates = [rate.per_second for rate in map(rate_of, clips) if rate is not None]
    yield histogram("length", "s", [sound.seconds for sound in sounds])
    yield histogram("level of speech", "dB", [sound.level_db for sound in sounds if sound.level_db is not None])
    yield histogram("signal-to-noise ratio", "dB", [sound.snr_db for sound in sounds if sound.snr_db is not None])
    yield histogram("speaking rate", "letters/s", rates)
    yield histogram("silence before speech", "s", [sound.leading_seconds for sound in sounds])
    yield histogram("silence after speech", "s", [sound.trailing_seconds for sound in sounds])
    yield histogram("bandwidth", "Hz", [sound.bandwidth_hz for sound in sounds])
    yield histogram("peak", "of full scale", [sound.peak for sound in sounds])


def _finding(found: Finding) -> str:
    rows = [
        [case.name, cell(shown_value(found, case), value=case.value), cell(case.detail)]
        for case in found.cases[:_SHOWN]
    ]
    caption = f"{len(found.cases):,} found, the worst first."
    if len(found.cases) > _SHOWN:
        caption += f" The first {_SHOWN} are shown; --json writes all."
    return section(
        found.check.name,
        found.check.title,
        definitions([("Counts", found.check.rule), ("Advice", found.check.advice)]),
        f'<div class="cases">{table(caption, ["clip", "value", "what was seen"], rows, is_sortable=True)}</div>',
    )


def _params(checked: Checked) -> Iterator[str]:
    yield paragraph("A suggestion to merge into params.yaml; nothing was changed.")
    yield code(yaml_fragment(checked.suggestions, checked.source.name))
    yield heading("Rules")
    yield paragraph("How each figure is measured stands in the modules of tts/lint.")
