"""espeak-ng by ctypes, from the wheel `espeakng-loader`: a text spoken, with the sample of every phone."""

from __future__ import annotations

import ctypes
import itertools
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tts.errors import TextError, TtsError
from tts.phones import SILENCE

_STRESS = {"ˈ": 1, "ˌ": 2}
_AROUND_WORDS = ' \t\n.,;:!?()"'
_MIN_PHONE_SECONDS = 0.01
_MIN_PAUSE_SECONDS = 0.06  # espeak's joints between words last up to 0.04, its shortest pauses 0.075

# From espeak-ng's speak_lib.h.
_SYNCHRONOUS = 2
_PHONEME_EVENTS_IN_IPA = 1 | 2
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_END_OF_EVENTS, _WORD, _PHONEME = 0, 1, 7

_ONE_AT_A_TIME = threading.Lock()  # the library has one state for all


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        # Not a C string: all eight bytes may be used, and bytes after the first NUL are stale.
        ("name", ctypes.c_ubyte * 8),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Manner:
    """Who speaks and how, in espeak's own terms.

    Attributes:
        voice: language and variant, for example ``en-us`` or ``en-us+Annie``.
        pitch, range: 0 to 100, 50 is the voice's own.
        rate: words per minute.
    """

    voice: str
    pitch: int = 50
    range: int = 50
    rate: int = 175


@dataclass(frozen=True)
class SpokenPhone:
    """A phone or a pause.

    Attributes:
        phone: as espeak writes it in IPA, without stress marks; SILENCE for a pause.
        start, end: samples, from start to before end.
        word: text of its word; "" for a pause.
        word_number: counts words and pauses, so that equal neighbours stay two.
        stress: 1 primary, 2 secondary, 0 none.
    """

    phone: str
    start: int
    end: int
    word: str
    word_number: int
    stress: int


@dataclass(frozen=True)
class Speech:
    """What espeak said.

    Attributes:
        waveform: [samples] int16, from the first sound to the last.
        sample_rate: in Hz.
        phones: contiguous, from sample 0 to the last one.
    """

    waveform: npt.NDArray[np.int16]
    sample_rate: int
    phones: tuple[SpokenPhone, ...]


@dataclass(frozen=True)
class _Mark:
    """A phoneme event; `name` is "" at a pause, `word` counts word events."""

    name: str
    stress: int
    sample: int
    word: int


def speak(text: str, manner: Manner) -> Speech:
    """Speak a text; equal arguments give equal samples.

    Raises:
        TextError: espeak has no such voice, or finds nothing to say.
        TtsError: the library is missing.
    """
    with _library() as (library, sample_rate):
        _configure(library, manner)
        return _synthesize(library, text, sample_rate)


def spoken_phones(texts: Iterable[str], manner: Manner) -> list[tuple[SpokenPhone, ...]]:
    """Give the phones of each text as `speak` would, twice as fast, since phones do not depend on what was said before.

    Raises:
        TextError: espeak has no such voice, or finds nothing to say.
        TtsError: the library is missing.
    """
    with _library() as (library, sample_rate):
        _configure(library, manner)
        return [_synthesize(library, text, sample_rate).phones for text in texts]


def _synthesize(library: ctypes.CDLL, text: str, sample_rate: int) -> Speech:
    blocks: list[npt.NDArray[np.int16]] = []
    marks: list[_Mark] = []
    word_starts: list[int] = []

    def collect(samples: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        if samples and count > 0:
            blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        for event in _until_end(events):
            if event.type == _WORD:
                word_starts.append(event.text_position - 1)
            elif event.type == _PHONEME and not bytes(event.name).startswith(b"("):  # "(en)": a change of language
                marks.append(_Mark(*_name(event), event.sample, max(len(word_starts) - 1, 0)))
        return 0

    callback = _Callback(collect)  # must outlive the synthesis
    library.espeak_SetSynthCallback(callback)
    encoded = text.encode()
    library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
    if not any(mark.name for mark in marks):
        raise TextError(f"espeak finds nothing to say in {text!r}; give it words")
    waveform = np.trim_zeros(np.concatenate(blocks), "b")
    phones = _phones(marks, _words(text, word_starts), waveform, sample_rate)
    return Speech(waveform, sample_rate, tuple(phones))


@contextmanager
def _library() -> Iterator[tuple[ctypes.CDLL, int]]:
    """A newly loaded espeak and its sample rate, for one thread at a time.

    Loaded anew, because its flutter and filters go on from the last text said, even over espeak_Terminate, so that
    a sentence would sound different after another one.
    """
    with _ONE_AT_A_TIME:
        yield from _load()


def _load() -> Iterator[tuple[ctypes.CDLL, int]]:
    try:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data_path = espeakng_loader.get_data_path()
    except (ImportError, OSError, RuntimeError) as error:
        raise TtsError(f"espeak-ng cannot be loaded ({error}); run: pip install espeakng-loader==0.2.4") from error
    try:
        sample_rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data_path.encode(), _PHONEME_EVENTS_IN_IPA)
        if sample_rate <= 0:
            raise TtsError(f"{data_path}: cannot be read; run: pip install --force-reinstall espeakng-loader")
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        yield library, sample_rate
    finally:
        library.espeak_Terminate()
        _unload(library)


def _unload(library: ctypes.CDLL) -> None:
    import _ctypes

    if sys.platform == "win32":
        _ctypes.FreeLibrary(library._handle)
    else:
        _ctypes.dlclose(library._handle)


def _configure(library: ctypes.CDLL, manner: Manner) -> None:
    if library.espeak_SetVoiceByName(manner.voice.encode()) != 0:
        raise TextError(f"espeak has no voice {manner.voice!r}; use a code such as en-us, ko, de, fr, cmn")
    for parameter, value in ((_RATE, manner.rate), (_PITCH, manner.pitch), (_RANGE, manner.range)):
        library.espeak_SetParameter(parameter, value, 0)


def _until_end(events: ctypes._Pointer[_Event]) -> Iterator[_Event]:
    index = 0
    while events[index].type != _END_OF_EVENTS:
        yield events[index]
        index += 1


def _name(event: _Event) -> tuple[str, int]:
    """The phone without its stress mark, and its stress."""
    name = bytes(event.name).split(b"\0")[0].decode(errors="ignore")  # a ninth byte would be cut off
    return name.lstrip("".join(_STRESS)), _STRESS.get(name[:1], 0)


def _words(text: str, starts: list[int]) -> list[list[str]]:
    """The text of each word event, cut where clauses end; never empty.

    Words that espeak says as one ("of the") have one event, so one text; the first word of a sentence sometimes
    has no event and goes with the one before it; "too much" has a second event, but at "oo"; and some events point
    to where no word is (in Korean numbers), which then counts as the word before.
    """
    begins = [_word_start(text, start) for start in starts or [0]]
    words: list[list[str]] = []
    for begin, end in zip(begins, [*begins[1:], len(text)], strict=True):
        pieces = [piece.strip(_AROUND_WORDS) for piece in re.split(r"[.,;:!?]\s+", text[begin:end])]
        known = [piece for piece in pieces if piece]
        words.append(known or (words[-1][-1:] if words else [text.strip(_AROUND_WORDS)]))
    return words


def _word_start(text: str, start: int) -> int:
    """The start of the next word where an event points inside one of a script with spaces."""
    rest = re.compile(r"[A-Za-z]+\s+").match(text, start)
    is_inside = start > 0 and re.match("[A-Za-z]", text[start - 1])
    return rest.end() if rest and is_inside else start


def _phones(
    marks: list[_Mark], words: list[list[str]], waveform: npt.NDArray[np.int16], sample_rate: int
) -> Iterator[SpokenPhone]:
    """Merge pauses, and give each phone the closure that espeak puts before its event."""
    kept = _without_joints(marks, waveform, int(_MIN_PAUSE_SECONDS * sample_rate))
    starts = _starts(kept, waveform, int(_MIN_PHONE_SECONDS * sample_rate))
    numbers = itertools.accumulate(int(a.word != b.word or "" in (a.name, b.name)) for a, b in itertools.pairwise(kept))
    pauses_in_word: Counter[int] = Counter()
    ends = [*starts[1:], len(waveform)]
    for mark, start, end, number in zip(kept, starts, ends, [0, *numbers], strict=True):
        if mark.name:
            pieces = words[mark.word]
            word = pieces[min(pauses_in_word[mark.word], len(pieces) - 1)]
            yield SpokenPhone(mark.name, start, end, word, number, mark.stress)
        else:
            pauses_in_word[mark.word] += 1
            yield SpokenPhone(SILENCE, start, end, "", number, 0)


def _without_joints(marks: list[_Mark], waveform: npt.NDArray[np.int16], min_pause: int) -> list[_Mark]:
    """Drop empty events that are no pause: not silent, too short, or after the last sound."""
    kept: list[_Mark] = []
    for index, mark in enumerate(marks):
        following = next((each.sample for each in marks[index:] if each.name), mark.sample)
        is_pause = following - mark.sample >= min_pause and not waveform[mark.sample : following].any()
        after_pause = bool(kept) and not kept[-1].name
        if mark.name or (is_pause and not after_pause):
            kept.append(mark)
    return kept


def _starts(marks: list[_Mark], waveform: npt.NDArray[np.int16], min_phone: int) -> list[int]:
    """Where each phone begins: at its event, or where the zeros before it begin.

    espeak's event for a stop is its burst; the closure before it is exact zeros, which belong to the stop. After
    a pause the two cannot be told apart.
    """
    starts = [0]
    for before, mark in itertools.pairwise(marks):
        start = min(mark.sample, len(waveform))
        if before.name:
            sounding = np.flatnonzero(waveform[starts[-1] : start])
            start = starts[-1] + int(sounding[-1]) + 1 if len(sounding) else starts[-1]
        starts.append(start)
    for index, end in enumerate([*starts[1:], len(waveform)]):
        if index > 0 and end - starts[index] < min_phone:  # a liquid whose event comes when it is over
            starts[index] -= (starts[index] - starts[index - 1]) // 3
    return starts
