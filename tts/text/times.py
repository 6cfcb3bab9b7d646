"""Times of day, durations and ratios."""

from __future__ import annotations

from tts.text.numbers import cardinal, in_pair, words
from tts.text.rules import Match, rule

_HALF = r"(?P<half>[aApP])\.?[mM]\b\.?"
_START = r"(?<![\w.,:])"


def _time(match: Match) -> str:
    hour, minute, half = int(match["hour"]), int(match["minute"]), match["half"]
    if half:
        return f"{words(hour)}{f' {in_pair(minute)}' if minute else ''} {half.lower()}.m."
    if minute:
        return f"{words(hour)} {in_pair(minute)}"
    if hour == 0:
        return "midnight"
    return f"{words(hour)} hundred" if hour > 12 else f"{words(hour)} o'clock"


def _duration(match: Match) -> str:
    parts = [(int(number), unit) for number, unit in zip(match.groups(), ("hour", "minute", "second"), strict=True)]
    return ", ".join(f"{words(number)} {unit}{'' if number == 1 else 's'}" for number, unit in parts)


RULES = (
    rule(r"(?<=[aApP]\.[mM]\.)\s?[-–—]\s?(?=\d)", " to "),
    rule(r"(?<=\d[aApP][mM])\s?[-–—]\s?(?=\d)", " to "),
    rule(rf"{_START}(\d\d?):([0-5]\d):([0-5]\d)(?![\w:])", _duration),
    rule(rf"{_START}(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?:\s?{_HALF})?(?![\w:])", _time),
    rule(rf"{_START}(?P<hour>\d\d?)\s?{_HALF}", lambda m: f"{cardinal(m['hour'])} {m['half'].lower()}.m."),
    rule(r"(?<=\d):(?=\d)", " to "),
)
