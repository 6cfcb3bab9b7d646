"""Characters that do not belong into a transcript."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tts.lint.findings import Case, Check, Clip, Finding, finding

ODD = Check(
    name="odd-characters",
    title="Odd characters",
    unit="characters",
    rule="control or private characters, emoji, U+FFFD, markup such as <b> or &amp;, or UTF-8 read as Latin-1 (Ã©)",
    advice="correct the transcripts; a wrong encoding is best mended where they were exported",
)
FOREIGN = Check(
    name="foreign-script",
    title="Foreign script",
    unit="letters",
    rule="letters of a script that under 5 % of the letters have, Latin excepted, which every front end reads",
    advice="write these words as they are said, in the script of the rest, or drop the clips",
)
DIGITS = Check(
    name="digits",
    title="Digits",
    unit="digits",
    rule="a text holds digits",
    advice="the english, korean and ipa front ends spell them out; better still, transcribe what was said",
    is_note=True,
)
UNSPEAKABLE = Check(
    name="nothing-to-say",
    title="Nothing to say",
    unit="",
    rule="a text without letters and digits",
    advice="transcribe what is said, or drop the clips",
)
_MOJIBAKE = re.compile(r"[ÃÂ][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc]|â€|ï»¿")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:[a-zA-Z]{2,8}|#\d+);")
_EMOJI = re.compile("[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")
_ODD_CATEGORIES = ("Cc", "Co", "Cn", "Cs")
_RARE = 0.05  # Japanese and Korean texts mix scripts, and then more than this


def texts(clips: Sequence[Clip]) -> Iterator[Finding]:
    """Transcripts that hold what cannot be, or can hardly be, said."""
    told = [clip for clip in clips if clip.text]
    mute = (clip for clip in told if not any(map(str.isalnum, clip.text)))
    yield from finding(UNSPEAKABLE, (Case(clip.utterance_id, None, repr(clip.text[:60])) for clip in mute))
    yield from finding(ODD, _counted(told, odd_characters))
    yield from finding(FOREIGN, _foreign(told))
    yield from finding(DIGITS, _counted(told, lambda text: [char for char in text if char.isdecimal()]))


def odd_characters(text: str) -> list[str]:
    """What a transcript should not hold, in order of kinds."""
    if text.isascii() and text.isprintable() and "<" not in text and "&" not in text:
        return []
    found = [match[0] for pattern in (_MOJIBAKE, _MARKUP, _EMOJI) for match in pattern.finditer(text)]
    return found + [char for char in text if _is_odd(char)]


def _is_odd(char: str) -> bool:
    return char == "\ufffd" or (unicodedata.category(char) in _ODD_CATEGORIES and not char.isspace())


def script_of(char: str) -> str:
    """Script of a letter by its Unicode name, such as "LATIN" or "HANGUL"; "" for other characters."""
    if not char.isalpha():
        return ""
    name = unicodedata.name(unicodedata.normalize("NFKC", char)[0], "")  # of letters that only look different
    return name.split(" ")[0].split("-")[0]


def scripts(texts: Sequence[str]) -> Counter[str]:
    """Letters of each script."""
    characters: Counter[str] = Counter()
    for text in texts:
        characters.update(text)
    counts: Counter[str] = Counter()
    for char, count in characters.items():
        if script := script_of(char):
            counts[script] += count
    return counts


def _foreign(clips: Sequence[Clip]) -> Iterator[Case]:
    for language in sorted({clip.language for clip in clips}):
        group = [clip for clip in clips if clip.language == language]
        counts = scripts([clip.text for clip in group])
        rare = {name for name, count in counts.items() if count < _RARE * counts.total() and name != "LATIN"}
        odd = {char for char in set().union(*(clip.text for clip in group)) if script_of(char) in rare}
        yield from _counted(group, partial(_among, odd))


def _among(odd: set[str], text: str) -> list[str]:
    return [char for char in text if char in odd] if odd else []


def _counted(clips: Sequence[Clip], look: Callable[[str], list[str]]) -> Iterator[Case]:
    for clip in clips:
        found = look(clip.text)
        if found:
            shown = " ".join(dict.fromkeys(_visible(each) for each in found[:20]))
            yield Case(clip.utterance_id, len(found), f"{shown} in {_visible(clip.text)[:80]!r}", len(found))


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in text)
