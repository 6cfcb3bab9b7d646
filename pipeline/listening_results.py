"""What listeners said in a test: their files of results, and what they amount to."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.report_facts import read_json
from tts.errors import DataError
from tts.metrics.intervals import Interval
from tts.metrics.opinions import Opinion, opinion_interval, sign_test

COLUMNS = ("test", "listener", "seed", "position", "kind", "clip_a", "clip_b", "answer", "plays", "seconds")
"""Of a file of results: a line for each answer. `answer` is 1 to 5, or a, b or same."""

_PREFERENCES = {"a": 1.0, "same": 0.5, "b": 0.0}
_RATINGS = {str(value): float(value) for value in range(1, 6)}

Answer = Mapping[str, str]
Clips = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Preference:
    """Two systems beside each other.

    Attributes:
        ours, theirs: their names.
        for_ours, for_neither, for_theirs: answers.
        share: of preferences for ours, those for neither counting half.
        p_value: of the sign test.
    """

    ours: str
    theirs: str
    for_ours: int
    for_neither: int
    for_theirs: int
    share: Interval
    p_value: float


@dataclass(frozen=True)
class Summary:
    """What a test amounts to.

    Attributes:
        num_listeners: who answered.
        opinions: mean opinion by system, the best first.
        preferences: of every two systems that were compared.
    """

    num_listeners: int
    opinions: Mapping[str, Interval]
    preferences: Sequence[Preference]

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def read_results(paths: Sequence[Path], key: Mapping[str, Any]) -> list[Answer]:
    """Read files of results of one test.

    Args:
        paths: CSV files.
        key: of the test.

    Raises:
        DataError: a file is missing, is not one of results or of another test, or holds an answer twice.
    """
    answers: list[Answer] = []
    seen: dict[tuple[str, ...], Path] = {}
    for path in paths:
        for answer in _read(path):
            _check(answer, path, key)
            question = (answer["listener"], answer["kind"], *sorted((answer["clip_a"], answer["clip_b"])))
            if question in seen:
                raise DataError(
                    f"{path}: listener {answer['listener']} answered the same in {seen[question]}; leave one file out"
                )
            seen[question] = path
            answers.append(answer)
    if not answers:
        raise DataError(f"{', '.join(map(str, paths))}: hold no answers")
    return answers


def read_key(path: Path) -> Mapping[str, Any]:
    """Read the key of a test.

    Raises:
        DataError: it is missing.
    """
    key: Mapping[str, Any] = read_json(path, "tts listening-test make")
    return key


def summarize(answers: Sequence[Answer], clips: Clips) -> Summary:
    """Give mean opinions and preferences.

    Args:
        answers: as `read_results` gives them.
        clips: system and sentence by clip, of the key.
    """
    rated: dict[str, list[Opinion]] = {}
    for each in (answer for answer in answers if answer["kind"] == "mos"):
        clip = clips[each["clip_a"]]
        rated.setdefault(clip["system"], []).append(_opinion(each, clip, _RATINGS[each["answer"]]))
    means = {system: opinion_interval(found) for system, found in rated.items()}
    best_first = dict(sorted(means.items(), key=lambda item: -item[1].mean))
    compared = [answer for answer in answers if answer["kind"] == "ab"]
    systems = sorted({clips[name]["system"] for each in compared for name in (each["clip_a"], each["clip_b"])})
    pairs = (_preference(compared, clips, *pair) for pair in itertools.combinations(systems, 2))
    listeners = {each["listener"] for each in answers}
    return Summary(len(listeners), best_first, [pair for pair in pairs if pair is not None])


def show_summary(found: Summary) -> None:
    """Print it."""
    console = Console()
    console.print(f"{found.num_listeners} listeners", highlight=False)
    if found.opinions:
        table = _table("system", "n", "MOS [95 %]")
        for system, mean in found.opinions.items():
            table.add_row(system, str(mean.n), _shown(mean))
        console.print(table)
    if found.preferences:
        table = _table("preferred", "n", "for it", "neither", "other", "other system", "share [95 %]", "sign test")
        for each in found.preferences:
            counts = (str(count) for count in (each.for_ours, each.for_neither, each.for_theirs))
            table.add_row(
                each.ours, str(each.share.n), *counts, each.theirs, _shown(each.share), f"p = {each.p_value:.3g}"
            )
        console.print(table)


def _preference(answers: Iterable[Answer], clips: Clips, one: str, other: str) -> Preference | None:
    """Of two systems, the one that is preferred first; None where nobody compared them."""
    opinions = []
    for each in answers:
        first, second = clips[each["clip_a"]], clips[each["clip_b"]]
        if {first["system"], second["system"]} == {one, other}:
            value = _PREFERENCES[each["answer"]]
            opinions.append(_opinion(each, first, value if first["system"] == one else 1 - value))
    if not opinions:
        return None
    if sum(each.value for each in opinions) < len(opinions) / 2:
        opinions = [Opinion(each.listener, each.sentence, 1 - each.value) for each in opinions]
        one, other = other, one
    ours, neither, theirs = (sum(each.value == value for each in opinions) for value in (1.0, 0.5, 0.0))
    return Preference(one, other, ours, neither, theirs, opinion_interval(opinions), sign_test(ours, theirs))


def _opinion(answer: Answer, clip: Mapping[str, str], value: float) -> Opinion:
    return Opinion(answer["listener"], clip["sentence"], value)


def _read(path: Path) -> list[Answer]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows: list[Answer] = list(reader)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file; listeners download one at the end of the page") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not a file of results of a listening test") from error
    if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise DataError(f"{path}: is not a file of results of a listening test; it lacks the column {missing[0]}")
    return rows


def _check(answer: Answer, path: Path, key: Mapping[str, Any]) -> None:
    if answer["test"] != key["test"]:
        raise DataError(f"{path}: is of test {answer['test']}, the key of test {key['test']}; name its own --key")
    known = {"mos": _RATINGS, "ab": _PREFERENCES}.get(answer["kind"], {})
    if answer["answer"] not in known:
        raise DataError(f"{path}: the answer {answer['answer']!r} to {answer['clip_a']} is none of {', '.join(known)}")
    for name in (answer["clip_a"], *([answer["clip_b"]] if answer["kind"] == "ab" else [])):
        if name not in key["clips"]:
            raise DataError(f"{path}: {name!r} is no clip of test {key['test']}; the file was changed")


def _shown(found: Interval) -> str:
    return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table
