"""From `align.backend` to the aligner it names."""

from __future__ import annotations

from tts.alignment.settings import AlignSettings
from tts.alignment.utterances import Aligner


def build_aligner(settings: AlignSettings) -> Aligner:
    """Make the aligner that the settings choose; only its own libraries are imported."""
    if settings.backend == "mfa":
        from tts.alignment.mfa import MfaAligner

        return MfaAligner(settings.mfa)
    if settings.backend == "textgrid":
        from tts.alignment.textgrid import TextGridAligner

        return TextGridAligner(settings.textgrid)
    from tts.alignment.kaldi import KaldiAligner

    return KaldiAligner(settings.kaldi)
