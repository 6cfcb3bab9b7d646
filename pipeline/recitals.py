"""Which clips a run says as it learns, how they are measured, and what is kept of it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from pipeline.output import replaced_directory, write_json
from pipeline.paths import Paths
from pipeline.run_curves import measured_curves, summary, write_curves
from pipeline.training import Run
from pipeline.watching import Measure, read_evaluations
from tts.errors import ConfigError
from tts.interfaces import Unconditional
from tts.training.batching import AcousticBatches
from tts.training.end_to_end_batches import EndToEndBatches
from tts.training.recital import AcousticRecital, EndToEndRecital, Recital, VocoderRecital, draw_evenly

_REFERENCES = 5
"""Recordings of a speaker tell how the voice sounds; a mean over more of them hardly differs."""


def recited_clips(run: Run) -> list[str]:
    """Ids of the clips that are measured, of all speakers that the run knows; none where nothing is."""
    settings = run.settings
    if settings.evaluate is None:
        return []
    known = settings.speakers if run.system.kind == "vocoder" else run.inventory.speakers
    speakers = _speakers(run, run.features.select("validation", styles=settings.styles))
    heard = {name: speaker for name, speaker in speakers.items() if known is None or speaker in known}
    return draw_evenly(heard, settings.evaluate.utterances, seed=settings.seed)


def recital_of(run: Run, network: nn.Module, ids: Sequence[str]) -> Recital:
    """What says clips: systems that speak do so freely, vocoders from the recorded mels.

    Raises:
        ConfigError: there are clips, and the network is told nothing.
    """
    if run.system.kind == "vocoder":
        if ids and isinstance(network, Unconditional):
            raise ConfigError(f"evaluate has no effect on {run.settings.system}, which is told no mel; remove it")
        return VocoderRecital(run.beginnings(ids))
    if run.system.kind == "end_to_end":
        clips = EndToEndBatches(run.features, run.inventory, network, run.settings.batch)  # type: ignore[arg-type]
        return EndToEndRecital([clips.read([name]) for name in ids])
    reader = AcousticBatches(run.features, run.inventory, network.level)  # type: ignore[arg-type]
    return AcousticRecital([reader.read([name]) for name in ids])


def measure_of(run: Run, paths: Paths) -> Measure | None:
    """How they are measured; None where nothing is."""
    if run.settings.evaluate is None:
        return None
    heard: dict[str, list[str]] = defaultdict(list)
    for name, speaker in _speakers(run, run.features.select("train")).items():
        heard[speaker].append(name)
    references = [
        (speaker, tuple(draw_evenly(dict.fromkeys(names, speaker), _REFERENCES, seed=0)))
        for speaker, names in sorted(heard.items())
    ]
    return Measure(
        paths.corpus(run.settings.corpus),
        paths.mel(run.settings.corpus),
        run.settings.evaluate.metrics,
        in_step=run.system.kind == "vocoder",
        references=tuple(references),
    )


def keep_measures(paths: Paths, name: str, run: Run, *, evaluations: Path) -> None:
    """Write the curves of a run that ended, and add to its metrics what was measured.

    Args:
        paths: of the project.
        name: of the run.
        run: with its settings.
        evaluations: folder of what was measured.
    """
    found = read_evaluations(evaluations)
    curves = measured_curves(found, _speakers(run, recited_clips(run)), new_speakers(run))
    with replaced_directory(paths.run_curves(name)) as folder:
        write_curves(folder, paths.run_curve(name), curves)
    if found:
        metrics = json.loads(paths.run_metrics(name).read_text(encoding="utf-8"))
        write_json(paths.run_metrics(name), metrics | {"evaluation": summary(curves, found, seed=run.settings.seed)})


def new_speakers(run: Run) -> list[str]:
    """Those that the model it starts from does not know; none where it starts from no other."""
    if run.start is None or run.system.kind == "vocoder":
        return []
    known = json.loads((run.start / "config.json").read_text(encoding="utf-8"))["speakers"]
    return [name for name in run.inventory.speakers if name not in known]


def _speakers(run: Run, ids: Sequence[str]) -> dict[str, str]:
    return {name: run.features.utterances[name].speaker for name in ids}
