"""espeak-ng by ctypes, from the wheel `espeakng-loader`: a text spoken, with the sample of every phone.

Phones depend on the voice and the text alone, not on rate or pitch, nor on what was said before: so `spoken_phones`
speaks in a hurry, throws the sound away, and gives what `speak` gives. The sound depends on what was said before.
"""

from __future__ import annotations

import ctypes
import itertools
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tts.errors import TextError, TtsError
from tts.phones import SILENCE

_STRESS = {"ˈ": 1, "ˌ": 2}
_AROUND_WORDS = ' \t\n.,;:!?()"'
_MIN_PHONE_SECONDS = 0.01
_MIN_PAUSE = 1300  # in seconds, times words per minute squared: pauses shrink with the square of the rate
_HASTE = 300  # words per minute
_DEFAULT, _MANY_AT_ONCE = 0, 2000  # milliseconds of sound a callback; each callback costs what ten events cost

# From espeak-ng's speak_lib.h.
_SYNCHRONOUS = 2
_PHONEME_EVENTS_IN_IPA = 1 | 2
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_END_OF_EVENTS, _WORD, _PHONEME = 0, 1, 7

_ONE_AT_A_TIME = threading.Lock()  # the library has one state for all
_KEPT: list[tuple[ctypes.CDLL, int]] = []  # at most one


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


_Samples: TypeAlias = "ctypes._Pointer[ctypes.c_short]"
_Listener = Callable[[_Samples, int], None]
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
class Phone:
    """A phone or a pause.

    Attributes:
        phone: as espeak writes it in IPA, without stress marks; SILENCE for a pause.
        word: text of its word; "" for a pause.
        word_number: counts words and pauses, so that equal neighbours stay two.
        stress: 1 primary, 2 secondary, 0 none.
    """

    phone: str
    word: str
    word_number: int
    stress: int


@dataclass(frozen=True)
class SpokenPhone(Phone):
    """A phone or a pause, and when.

    Attributes:
        start, end: samples, from start to before end.
    """

    start: int
    end: int


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
        TextError: espeak has no such voice, or finds nothing to say; the message holds the text.
        TtsError: the library is missing.
    """
    blocks: list[npt.NDArray[np.int16]] = []
    with _fresh_library() as (library, sample_rate):
        _configure(library, manner)
        marks, words = _say(library, text, lambda samples, count: blocks.append(_copy(samples, count)))
    waveform = np.trim_zeros(np.concatenate(blocks), "b")
    kept = _without_joints(marks, _min_pause(manner.rate, sample_rate))
    before = 0 if marks[0].name else kept[0].sample  # of a pause that nothing precedes, as before a quotation mark
    starts = _starts([replace(mark, sample=mark.sample - before) for mark in kept], waveform[before:], sample_rate)
    ends = [*starts[1:], len(waveform) - before]
    phones = (
        SpokenPhone(**vars(phone), start=start, end=end)
        for phone, start, end in zip(_phones(kept, words), starts, ends, strict=True)
    )
    return Speech(waveform[before:], sample_rate, tuple(phones))


def spoken_phones(texts: Iterable[str], manner: Manner) -> list[tuple[Phone, ...]]:
    """Give the phones of each text, the very ones of `speak`, in a third of its time.

    Raises:
        TextError: espeak has no such voice, or finds nothing to say; the message holds the text.
        TtsError: the library is missing.
    """
    with _kept_library() as (library, sample_rate):
        _configure(library, replace(manner, rate=_HASTE))
        min_pause = _min_pause(_HASTE, sample_rate)
        said = (_say(library, text, lambda samples, count: None) for text in texts)
        return [tuple(_phones(_without_joints(marks, min_pause), words)) for marks, words in said]


def _say(library: ctypes.CDLL, text: str, hear: _Listener) -> tuple[list[_Mark], list[list[str]]]:
    """Speak a text; give its phoneme events, and the text of each word event."""
    marks: list[_Mark] = []
    word_starts: list[int] = []

    def collect(samples: _Samples, count: int, events: ctypes._Pointer[_Event]) -> int:
        if samples and count > 0:
            hear(samples, count)
        for event in _until_end(events):
            if event.type == _WORD:
                word_starts.append(event.text_position - 1)
            elif event.type == _PHONEME and not (name := bytes(event.name)).startswith(b"("):
                marks.append(_Mark(*_name(name), event.sample, max(len(word_starts) - 1, 0)))
        return 0

    callback = _Callback(collect)  # must outlive the synthesis
    library.espeak_SetSynthCallback(callback)
    encoded = text.encode()
    library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
    if not any(mark.name for mark in marks):
        raise TextError(f"espeak finds nothing to say in {text!r}; give it words")
    return marks, _words(text, word_starts)


@contextmanager
def _fresh_library() -> Iterator[tuple[ctypes.CDLL, int]]:
    """A newly loaded espeak and its sample rate, for one thread at a time.

    Loaded anew, because its flutter and filters go on from the last text said, even over espeak_Terminate, so that
    a sentence would sound different after another one.
    """
    with _ONE_AT_A_TIME:
        while _KEPT:
            _unload(_KEPT.pop()[0])
        library, sample_rate = _load(milliseconds=_DEFAULT)
        try:
            yield library, sample_rate
        finally:
            _unload(library)


@contextmanager
def _kept_library() -> Iterator[tuple[ctypes.CDLL, int]]:
    """An espeak that stays loaded, and its sample rate, for one thread at a time; loading takes as long as a text."""
    with _ONE_AT_A_TIME:
        if not _KEPT:
            _KEPT.append(_load(milliseconds=_MANY_AT_ONCE))
        yield _KEPT[0]


def _load(*, milliseconds: int) -> tuple[ctypes.CDLL, int]:
    """Give espeak and its sample rate; its sound will come in blocks of so many milliseconds."""
    try:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data_path = espeakng_loader.get_data_path()
    except (ImportError, OSError, RuntimeError) as error:
        raise TtsError(f"espeak-ng cannot be loaded ({error}); run: pip install espeakng-loader==0.2.4") from error
    sample_rate = library.espeak_Initialize(_SYNCHRONOUS, milliseconds, data_path.encode(), _PHONEME_EVENTS_IN_IPA)
    if sample_rate <= 0:
        _unload(library)
        raise TtsError(f"{data_path}: cannot be read; run: pip install --force-reinstall espeakng-loader")
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))
    return library, sample_rate


def _unload(library: ctypes.CDLL) -> None:
    import _ctypes

    library.espeak_Terminate()
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


def _copy(samples: _Samples, count: int) -> npt.NDArray[np.int16]:
    return np.array(np.ctypeslib.as_array(samples, (count,)))


@cache
def _name(field: bytes) -> tuple[str, int]:
    """The phone without its stress mark, and its stress, of an event's name."""
    name = field.partition(b"\0")[0].decode(errors="ignore")  # a ninth byte would be cut off
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


def _phones(marks: list[_Mark], words: list[list[str]]) -> Iterator[Phone]:
    """Give every mark its word."""
    pairs = itertools.pairwise(marks)
    numbers = itertools.accumulate((int(a.word != b.word or "" in (a.name, b.name)) for a, b in pairs), initial=0)
    pauses_in_word: Counter[int] = Counter()
    for mark, number in zip(marks, numbers, strict=True):
        if mark.name:
            pieces = words[mark.word]
            word = pieces[min(pauses_in_word[mark.word], len(pieces) - 1)]
            yield Phone(mark.name, word, number, mark.stress)
        else:
            pauses_in_word[mark.word] += 1
            yield Phone(SILENCE, "", number, 0)


def _without_joints(marks: list[_Mark], min_pause: int) -> list[_Mark]:
    """Of the empty events keep one for each pause between phones.

    For a pause espeak makes two in a row or more, for a joint of mouth movements between vowels or before a stop one;
    for the glottal stop before a German vowel two, which last a quarter of the shortest pause.
    """
    runs = [list(run) for _, run in itertools.groupby(marks, key=lambda mark: not mark.name)]
    kept = list(runs[0] if runs[0][0].name else ())
    for run, following in itertools.pairwise([*runs[1:], []]):
        if run[0].name:
            kept += run
        elif len(run) > 1 and following and following[0].sample - run[0].sample >= min_pause:
            kept.append(run[0])
    return kept


def _min_pause(rate: int, sample_rate: int) -> int:
    """Samples that a pause lasts at least; pauses from 80 to 449 words per minute last longer, all else is shorter."""
    return int(_MIN_PAUSE / rate**2 * sample_rate)


def _starts(marks: list[_Mark], waveform: npt.NDArray[np.int16], sample_rate: int) -> list[int]:
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
    min_phone = int(_MIN_PHONE_SECONDS * sample_rate)
    for index, end in enumerate([*starts[1:], len(waveform)]):
        if index > 0 and end - starts[index] < min_phone:  # a liquid whose event comes when it is over
            starts[index] -= (starts[index] - starts[index - 1]) // 3
    return starts
