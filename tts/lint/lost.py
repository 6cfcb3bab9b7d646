"""Clips that never come to be checked: unreadable files, and lines or files without a counterpart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tts.corpora.recordings import Dropped
from tts.lint.findings import Case, Check, Finding, finding
from tts.lint.sounds import Unreadable

UNREADABLE = Check(
    name="unreadable",
    title="Unreadable file",
    unit="",
    rule="missing, empty, truncated, not audio, or NaN",
    advice="copy or export the files again; `tts prepare` drops them",
)
LEFT_OUT = Check(
    name="left-out",
    title="Without counterpart",
    unit="",
    rule="a sound file without transcript, a transcript without sound file, or a line that cannot be used",
    advice="rename or complete; `tts prepare` drops them",
)


def lost(dropped: Sequence[Dropped], unreadable: Mapping[str, Unreadable]) -> Iterator[Finding]:
    """What cannot be used at all, `unreadable` by utterance id."""
    yield from finding(UNREADABLE, (Case(name, None, each.why) for name, each in unreadable.items()))
    yield from finding(LEFT_OUT, (Case(each.utterance_id, None, f"{each.reason}: {each.detail}") for each in dropped))
