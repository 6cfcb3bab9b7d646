"""What decides an alignment, as it stands under `align` in params.yaml."""

from __future__ import annotations

import itertools
import shlex
from typing import Literal

from pydantic import Field

from tts.config import config

Pronunciations = Literal["own", "front_end"]


@config
class KaldiSettings:
    """Settings of the embedded aligner.

    Attributes:
        frame_shift_ms: of the HMMs; refinement sees twice as many frames.
        iterations: passes of training over the corpus.
        gaussians: in all states together, though each has one; more learn wrong boundaries by heart.
        refine: move each boundary to where the spectrum changes nearby.
        retrain_above: share of clips that the kept model has not learned from; with more, a new one is trained.
        seed: of the splitting of Gaussians.
    """

    frame_shift_ms: float = Field(default=10.0, ge=2.0, le=20.0)
    iterations: int = Field(default=12, ge=1)
    gaussians: int = Field(default=240, ge=1)
    refine: bool = True
    retrain_above: float = Field(default=0.2, ge=0, le=1)
    seed: int = Field(default=0, ge=0)


@config
class MfaSettings:
    """Settings of the Montreal Forced Aligner, a program of its own (https://montreal-forced-aligner.readthedocs.io).

    Attributes:
        command: how it is called, as in a shell: ``mfa``, ``conda run --no-capture-output -n aligner mfa``,
            ``docker run --rm -v $PWD:$PWD IMAGE mfa``; of what a shell expands, only variables are.
        acoustic_model: name of a pretrained model that ``mfa model download`` fetched, or its file; null trains one
            on the corpus, with the pronunciations of the front end.
        dictionary: name or file of a pronouncing dictionary for a pretrained model; null takes the pronunciations of
            the front end, words that the dictionary lacks take them too.
        config: file of MFA's own settings for training, such as a shorter list of blocks; null is MFA's default.
        beams: widths of the search, tried one after another on the clips that are left.
        timeout_minutes: for each run of the program.
        retrain_above: share of clips that the kept model has not learned from; with more, a new one is trained.
    """

    command: str = Field(default="mfa", min_length=1)
    acoustic_model: str | None = None
    dictionary: str | None = None
    config: str | None = None
    beams: tuple[int, ...] = (10, 100, 400)
    timeout_minutes: float = Field(default=720.0, gt=0)
    retrain_above: float = Field(default=0.2, ge=0, le=1)

    def __post_init__(self) -> None:
        """Refuse what cannot be called, what cannot take effect, and tries that could find no more than the first."""
        if not shlex.split(self.command):  # says itself what is wrong with quotes
            raise ValueError("command is empty; mfa is how the program is called where it is on the PATH")
        if self.dictionary is not None and self.acoustic_model is None:
            raise ValueError(
                "dictionary goes with a pretrained acoustic_model; a model that is trained on the corpus takes the "
                "pronunciations of the front end, so set acoustic_model, or dictionary: null"
            )
        if self.config is not None and self.acoustic_model is not None:
            raise ValueError("config is for training, and acoustic_model is trained already; set one of them to null")
        if not self.beams or self.beams[0] < 1 or any(b <= a for a, b in itertools.pairwise(self.beams)):
            raise ValueError("beams must be whole numbers from 1 up, each wider than the one before")


@config
class TextGridSettings:
    """Settings of the import of Praat TextGrids.

    Attributes:
        folder: where they are, absolute or relative to the project: <utterance_id>.TextGrid in folders of any names
            or none, or <speaker>/<clip>.TextGrid for a clip called <speaker>-<clip>.
        pronunciations: own keeps the phones of the TextGrids, which may come from another dictionary; front_end
            leaves out clips that the front end says otherwise.
        tolerance_ms: by how much a TextGrid may be longer or shorter than its clip.
    """

    folder: str | None = None
    pronunciations: Pronunciations = "own"
    tolerance_ms: float = Field(default=50.0, ge=0)


@config
class AlignSettings:
    """Settings of the stage.

    Attributes:
        backend: kaldi = HMMs trained on the corpus itself, for any language; mfa = the Montreal Forced Aligner, which
            must be installed; textgrid = alignments that exist.
        kaldi, mfa, textgrid: settings of each; only those of the chosen one matter.
        fold_silence_ms: shorter silences between words become part of the phone before them.
        max_unaligned: share of clips that may fail; more stop the stage.
    """

    backend: Literal["kaldi", "mfa", "textgrid"] = "kaldi"
    kaldi: KaldiSettings = KaldiSettings()
    mfa: MfaSettings = MfaSettings()
    textgrid: TextGridSettings = TextGridSettings()
    fold_silence_ms: float = Field(default=50.0, ge=0)
    max_unaligned: float = Field(default=0.01, ge=0, le=1)
