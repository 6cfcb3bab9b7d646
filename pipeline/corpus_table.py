"""What `tts corpus check` prints: findings, and a fragment of params.yaml."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from pipeline.corpus_check import Checked
from tts.lint.findings import Case, Finding
from tts.lint.robust import by_speaker
from tts.lint.suggestions import Suggestion

_EXAMPLES = 3


def show(checked: Checked) -> None:
    """Print the summary, the findings and the suggestions."""
    console = Console()
    console.print(summary(checked), markup=False, highlight=False, soft_wrap=True)
    if checked.findings:
        console.print(_table(checked.findings))
    else:
        console.print("nothing found", highlight=False)
    if checked.suggestions:
        console.print("for params.yaml (nothing was changed):\n", highlight=False)
        text = yaml_fragment(checked.suggestions, checked.source.name)
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def summary(checked: Checked) -> str:
    """One line about the whole."""
    clips = checked.clips
    seconds = sum(clip.sound.seconds for clip in clips)
    speech = sum(clip.sound.active_seconds for clip in clips)
    return (
        f"{checked.source.name} ({checked.source.what}): {len(clips):,} clips, {_duration(seconds)}, "
        f"{_duration(speech)} of it speech; {_count(len(by_speaker(clips)), 'speaker')}"
    )


def yaml_fragment(suggestions: Sequence[Suggestion], corpus: str) -> str:
    """YAML of suggested parameters, each with its reason as a comment."""
    tree = CommentedMap()
    for each in suggestions:
        *parents, last = [corpus if part == "<corpus>" else part for part in each.key.split(".")]
        place = tree
        for part in parents:
            place = place.setdefault(part, CommentedMap())
        place[last] = each.value
        place.yaml_add_eol_comment(each.why, last, column=0)
    text = io.StringIO()
    YAML().dump(tree, text)
    return text.getvalue()


def shown_value(finding: Finding, case: Case) -> str:
    """A case's value with its unit; "" where it has none."""
    if case.value is None:
        return ""
    number = f"{case.value:,}" if isinstance(case.value, int) else f"{case.value:.4g}"
    return f"{number} {finding.check.unit}".strip()


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0))
    for name in ("finding", "count", "worst", "advice"):
        table.add_column(name, justify="right" if name == "count" else "left", overflow="fold")
    for each in findings:
        title = Text(each.check.title, style="dim" if each.check.is_note else "bold")
        if each.check.is_note:
            title.append(" (note)")
        table.add_row(title, f"{len(each.cases):,}", Text("\n".join(_examples(each))), Text(each.check.advice))
    return table


def _examples(finding: Finding) -> Iterator[str]:
    for case in finding.cases[:_EXAMPLES]:
        value = shown_value(finding, case)
        yield f"{case.name} {value}".rstrip()
    if len(finding.cases) > _EXAMPLES:
        yield "…"


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes / 60:.1f} h" if minutes >= 90 else f"{minutes:.1f} min"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
