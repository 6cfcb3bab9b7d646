"""Validation samples as files: ``samples/step-00001000/<utterance_id>.png`` and ``.wav`` in a run's work folder."""

from __future__ import annotations

import io
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw

from pipeline.output import replaced_directory
from tts.audio.files import write_wav
from tts.errors import AudioError
from tts.training.samples import Picture, Sample

logger = logging.getLogger(__name__)

_KEPT = 3
_ZOOM = 2  # pixels of a mel's frame and band
_TITLE, _MARGIN = 14, 4
_INK, _PAPER, _MARK = (40, 40, 40), (255, 255, 255), (120, 200, 220)


class SampleFiles:
    """The samples of the first and the last few validations of a run."""

    def __init__(self, folder: Path, *, sample_rate: int, on_written: Callable[[int, Path], None]) -> None:
        """Write nothing yet.

        Args:
            folder: is made when there is something to write.
            sample_rate: of the waveforms, Hz.
            on_written: told a step and the folder with its files.
        """
        self.folder, self._sample_rate, self._on_written = folder, sample_rate, on_written

    def write(self, step: int, samples: Sequence[Sample]) -> None:
        """Write the samples of a step, all or, with a warning, none."""
        folder = self.folder / f"step-{step:08d}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replaced_directory(folder) as temporary:
                for sample in samples:
                    self._write(temporary, sample)
            for old in sorted(self.folder.glob("step-*"))[1:-_KEPT]:
                shutil.rmtree(old)
        except (OSError, AudioError) as error:
            logger.warning("%s: the validation samples could not be written (%s); training goes on", folder, error)
        else:
            self._on_written(step, folder)

    def _write(self, folder: Path, sample: Sample) -> None:
        (folder / f"{sample.utterance_id}.png").write_bytes(draw(sample.pictures))
        write_wav(folder / f"{sample.utterance_id}.wav", sample.waveform, sample_rate=self._sample_rate)


def draw(pictures: Mapping[str, Picture]) -> bytes:
    """PNG of pictures one below the other, each under its title; equal pictures give equal bytes."""
    images = {title: _image(picture) for title, picture in pictures.items()}
    width = max(image.width for image in images.values())
    sheet = Image.new("RGB", (width, sum(image.height + _TITLE + _MARGIN for image in images.values())), _PAPER)
    pen, top = ImageDraw.Draw(sheet), 0
    for title, image in images.items():
        pen.text((_MARGIN, top), title, fill=_INK)
        sheet.paste(image, (0, top + _TITLE))
        top += _TITLE + image.height + _MARGIN
    file = io.BytesIO()
    sheet.save(file, format="PNG", compress_level=1)
    return file.getvalue()


def _image(picture: Picture) -> Image.Image:
    scale = 255 / max(picture.high - picture.low, 1e-6)
    levels = np.nan_to_num((picture.values[::-1] - picture.low) * scale).clip(0, 255).astype(np.uint8)
    colours = (mpl.colormaps["magma"](np.arange(256))[:, :3] * 255).astype(np.uint8)
    image = Image.fromarray(colours[levels].repeat(_ZOOM, axis=0).repeat(_ZOOM, axis=1))
    pen = ImageDraw.Draw(image)
    for x in _inside(picture.marks, image.width):
        pen.line([(x, 0), (x, image.height)], fill=_MARK)
    return image


def _inside(marks: Sequence[int], width: int) -> Iterator[int]:
    return (mark * _ZOOM for mark in marks if mark * _ZOOM < width)
