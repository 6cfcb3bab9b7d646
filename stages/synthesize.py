"""Speak the test split of a voice's corpus from text.

Reads models/<run> of both runs, data/features/<corpus>/index, and recordings or speaker vectors where the voice speaks
in their style or as whom they describe, writes data/audio/<voice>: a WAV for each utterance, synthesized.parquet and
dropped.parquet.
Example: ``tts synthesize demo``.
"""

from __future__ import annotations


def run(voice: str) -> None:
    """Speak the test sentences with a voice."""
    from pipeline.output import replaced_directory
    from pipeline.speaking import by_speaker, draw_utterances, in_style, speak_utterances, voice_folders
    from pipeline.stage import stage
    from tts.text.frontend import build_frontend

    with stage("synthesize", voice) as current:
        params, paths = current.params, current.paths
        folders = voice_folders(params, paths, current.runtime, voice)
        settings = params.voice(voice)
        index = paths.index(settings.corpus)
        drawn = draw_utterances(
            index,
            folders.load().inventory,
            limit=params.evaluate.num_utterances,
            speakers=settings.speakers,
            by_anyone=settings.speaker == "vector",
        )
        rows = by_speaker(in_style(drawn, settings, folders, paths), settings, paths)
        with replaced_directory(paths.audio(voice)) as folder:
            frontend, executor = build_frontend(params.text), folders.executor(current)
            losses = speak_utterances(rows, folders, frontend, folder, executor=executor, label=f"synthesize {voice}")
            current.check_losses(losses, num_clips=len(rows))
        current.say(f"wrote {paths.audio(voice)}")
        current.say(f"{len(rows) - len(losses)} utterances, {len(losses)} dropped")
