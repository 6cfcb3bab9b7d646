"""DNSMOS' networks on the windows of a clip, which share what they have in common.

The networks judge 9 s at a time and begin anew at each second, so that windows overlap by 8/9. The first four
convolutions of the P.835 network take 97 % of its time and see four frames to either side: but for four frames at the
ends of a window, beyond which are zeros, what they give does not depend on the window. They and the pooling behind them
are computed once for each second of the clip, and for the ends; only the rest of the network is computed for each
window. The figures are those of the wheel `speechmos` but for rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tts.metrics.onnx_parts import part_of

SAMPLE_RATE = 16000

_HOP = 160
_SECOND = SAMPLE_RATE // _HOP  # frames
_SECONDS = 9
_LENGTH_SECONDS = 9.01  # of a window: its last frame reaches one hop further
_LENGTH = int(_LENGTH_SECONDS * SAMPLE_RATE)
_MARGIN = 4  # frames that the convolutions see to either side
_HALF = _MARGIN // 2  # as many behind the pooling, which halves time
_FRAMES, _POOLED = "mos_estimator_logpow/concat:0", "mos_estimator_logpow/conv2d_3/Relu:0_pooling0"

Floats = npt.NDArray[np.float32]


def windows_of(waveform: Floats) -> tuple[Floats, list[int]]:
    """Give a clip [samples] of 16 kHz, repeated until it fills a window, and the seconds at which windows begin.

    The wheel leaves out windows that its rounding makes one sample too short, those from 7 to 23 s; so does this.
    """
    audio = waveform.astype(np.float32)
    while len(audio) < _LENGTH:
        audio = np.append(audio, audio)
    last = int(len(audio) // SAMPLE_RATE - _LENGTH_SECONDS)
    return audio, [
        each for each in range(last + 1) if int((each + _LENGTH_SECONDS) * SAMPLE_RATE) - each * SAMPLE_RATE >= _LENGTH
    ]


def p835(audio: Floats, starts: Sequence[int]) -> Floats:
    """Raw quality [windows, 3] of signal, background and both, of a clip [samples] and its windows."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, 2 * _HOP)[::_HOP]
    wanted = {start + each for start in starts for each in range(_SECONDS)}
    seconds = {each: _of_second(frames, each) for each in sorted(wanted)}
    return np.concatenate([_run(_judging(), _window(frames, seconds, start)) for start in starts])


def p808(audio: Floats, starts: Sequence[int]) -> Floats:
    """Quality [windows] of a clip [samples] and its windows."""
    mels = [_mel(audio[start * SAMPLE_RATE :][: _LENGTH - _HOP]) for start in starts]
    return _run(_session(_folder().joinpath("model_v8.onnx").read_bytes()), np.stack(mels))[:, 0]


def _of_second(frames: Floats, second: int) -> Floats:
    """What the convolutions give for a second within the clip, [1, channels, frames / 2, bins / 2]."""
    first, last = second * _SECOND - _MARGIN, (second + 1) * _SECOND + _MARGIN
    known = frames[max(first, 0) : last]
    # Beyond the ends of the clip anything may stand: a window puts its own ends there.
    missing = max(-first, 0), max(last - len(frames), 0)
    return _pooled(np.pad(known, (missing, (0, 0))))[:, :, _HALF:-_HALF]


def _window(frames: Floats, seconds: Mapping[int, Floats], start: int) -> Floats:
    """What the convolutions give for a window, [1, channels, frames / 2, bins / 2]."""
    found = np.concatenate([seconds[each] for each in range(start, start + _SECONDS)], axis=2)
    own = frames[start * _SECOND : (start + _SECONDS) * _SECOND]
    found[:, :, :_HALF] = _pooled(own[: 2 * _MARGIN])[:, :, :_HALF]
    found[:, :, -_HALF:] = _pooled(own[-2 * _MARGIN :])[:, :, -_HALF:]
    return found


def _pooled(frames: Floats) -> Floats:
    return _run(_listening(), frames[None])


def _mel(audio: Floats) -> Floats:
    """The wheel's mel [frames, 120] in its scale of decibels."""
    import librosa

    power = np.abs(librosa.stft(audio, n_fft=2 * _HOP + 1, hop_length=_HOP)) ** 2
    mel: Floats = librosa.power_to_db(_mel_basis() @ power, ref=np.max)
    scaled: Floats = (mel.T + 40) / 40
    return scaled


@lru_cache(maxsize=1)
def _mel_basis() -> Floats:
    import librosa

    basis: Floats = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=2 * _HOP + 1, n_mels=120)
    return basis


@lru_cache(maxsize=1)
def _listening() -> Any:  # noqa: ANN401 - the wheel has no types
    path = _folder() / "sig_bak_ovr.onnx"
    return _session(part_of(path, given=_FRAMES, rank=3, wanted=_POOLED))


@lru_cache(maxsize=1)
def _judging() -> Any:  # noqa: ANN401
    path = _folder() / "sig_bak_ovr.onnx"
    return _session(part_of(path, given=_POOLED, rank=4, wanted="Identity:0"))


@lru_cache(maxsize=4)
def _session(network: bytes) -> Any:  # noqa: ANN401
    """A session of one thread: clips are spread over processes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # it warns of weights that a part does not use
    return onnxruntime.InferenceSession(network, options)


def _run(session: Any, value: Floats) -> Floats:  # noqa: ANN401
    (given,) = session.get_inputs()
    (found,) = session.run(None, {given.name: np.ascontiguousarray(value, np.float32)})
    result: Floats = found
    return result


def _folder() -> Path:
    import speechmos

    return Path(speechmos.__file__).parent / "dnsmos_models"
