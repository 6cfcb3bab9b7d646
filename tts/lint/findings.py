"""What a check looks for, and what it found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tts.lint.sounds import Sound


@dataclass(frozen=True, eq=False)
class Clip:
    """A recording that could be read, and what is said in it.

    Attributes:
        utterance_id, speaker, style, language: as the corpus has them.
        text: "" where there is no transcript.
        num_letters: of the text as it is spoken (see tts.lint.rates).
        sound: as measured.
    """

    utterance_id: str
    speaker: str
    style: str
    language: str
    text: str
    num_letters: int
    sound: Sound


@dataclass(frozen=True)
class Check:
    """What is looked for.

    Attributes:
        name: short, with hyphens; the key in JSON.
        title: a few words for people.
        unit: of the values, "" where they have none.
        rule: when something counts, with the threshold.
        advice: what to do about it.
        is_note: worth knowing, but nothing need be wrong; `--strict` lets it pass.
    """

    name: str
    title: str
    unit: str
    rule: str
    advice: str
    is_note: bool = False


@dataclass(frozen=True)
class Case:
    """One clip, speaker or corpus that a check found.

    Attributes:
        name: utterance id, or what else is meant.
        value: in the check's unit; None where nothing is measured.
        detail: what was seen.
        severity: larger is worse; orders the cases of a check.
    """

    name: str
    value: float | None
    detail: str
    severity: float = 0.0


@dataclass(frozen=True)
class Finding:
    """A check that found something, the worst case first."""

    check: Check
    cases: tuple[Case, ...]


def worst_of_each(cases: Iterable[Case]) -> list[Case]:
    """One case for each name, the worst: of a hundred copies a hundred are told, not all their pairs."""
    worst: dict[str, Case] = {}
    for case in cases:
        if case.name not in worst or case.severity > worst[case.name].severity:
            worst[case.name] = case
    return list(worst.values())


def finding(check: Check, cases: Iterable[Case]) -> list[Finding]:
    """One finding of all cases; none where there are no cases."""
    ordered = tuple(sorted(cases, key=lambda case: (-case.severity, case.name)))
    return [Finding(check, ordered)] if ordered else []
