"""Print how long measuring utterances takes: with nothing kept, with all kept, and with one clip changed.

    python benchmarks/evaluation.py [--clips FOLDER --transcripts FILE] [--utterances 100] [--workers 2] [--json]

Sentences of the demo corpus are spoken by its voices, or recordings of a folder are taken, and each is measured beside
itself with faint noise, by all metrics that are installed (`tts score`; WV-MOS needs weights, and is left out). Keys:
``utterances``, ``seconds_of_speech``, ``workers``, and wall-clock ``first_seconds``, ``second_seconds``,
``one_changed_seconds``.
Workers are started, and libraries loaded, within the time; what only the first run of a machine compiles is too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from made_speech import VOICES, noisy

from pipeline.folder_scores import MEASURED, Request, find_sounds, score_folder
from pipeline.parallel import open_executor
from pipeline.runtime import Runtime
from tts.audio.files import read_audio, write_wav
from tts.audio.samples import to_int16
from tts.corpora.demo_sentences import sentences
from tts.text.espeak import speak

RATE = 22050

Clip = tuple[str, npt.NDArray[np.int16], str]
"""Name, samples, and text, "" where it is not known."""


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of recordings; without it espeak-ng speaks some")
    parser.add_argument("--transcripts", type=Path, help="of them, lines of name|text; without it no error rates")
    parser.add_argument("--utterances", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = make_clips(folder, options.utterances, options.clips)
        found = {"utterances": options.utterances, "seconds_of_speech": round(seconds, 1), "workers": options.workers}
        found |= measure(folder, options.workers, options.transcripts, metrics=MEASURED)
    print(json.dumps(found) if options.json else "\n".join(f"{key}: {value}" for key, value in found.items()))


def make_clips(folder: Path, utterances: int, source: Path | None) -> float:
    """Write recordings, the same with noise, and texts where they are known; give their seconds."""
    seconds = 0.0
    for number, (name, recording, text) in enumerate(_taken(source) if source else _spoken(utterances)):
        if number == utterances:
            break
        for row, samples in (("recordings", recording), ("clips", noisy(recording, number))):
            path = folder / row / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_wav(path, samples, sample_rate=RATE)
        if text:
            (folder / "recordings" / f"{name}.txt").write_text(text, encoding="utf-8")
        seconds += len(recording) / RATE
    return seconds


def measure(folder: Path, workers: int, transcripts: Path | None, *, metrics: tuple[str, ...]) -> dict[str, float]:
    """Seconds of a first run, a second, and one after a clip was changed."""
    (folder / "params.yaml").touch()  # so that results are kept here
    request = Request(
        folder / "clips",
        folder / "recordings",
        transcripts,
        in_step=True,
        metrics=[m for m in metrics if m != "wv_mos"],
    )
    first, second = _timed(request, folder, workers), _timed(request, folder, workers)
    changed = min(find_sounds(folder / "clips").values())
    write_wav(changed, 0.9 * read_audio(changed, sample_rate=RATE), sample_rate=RATE)
    return {
        "first_seconds": first,
        "second_seconds": second,
        "one_changed_seconds": _timed(request, folder, workers),
    }


def _timed(request: Request, root: Path, workers: int) -> float:
    started = time.perf_counter()
    with open_executor(Runtime(workers=workers)) as executor:
        score_folder(request, root, executor)
    return round(time.perf_counter() - started, 2)


def _spoken(utterances: int) -> Iterator[Clip]:
    for number, text in zip(range(utterances), sentences("en", utterances, seed=1), strict=False):
        yield f"s{number:03d}", speak(text, VOICES[number % len(VOICES)]).waveform, text


def _taken(source: Path) -> Iterator[Clip]:
    for name, path in sorted(find_sounds(source).items()):
        yield name, to_int16(np.asarray(read_audio(path, sample_rate=RATE))), ""


if __name__ == "__main__":
    main()
