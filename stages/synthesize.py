"""Speak the test split of a voice's corpus from text.

Reads models/<run> of both runs and data/features/<corpus>/index, writes data/audio/<voice>: a WAV for each utterance,
synthesized.parquet and dropped.parquet. Example: ``tts synthesize demo``.
"""

from __future__ import annotations


def run(voice: str) -> None:
    """Speak the test sentences with a voice."""
    from pipeline.output import replaced_directory
    from pipeline.speaking import draw_utterances, speak_utterances, voice_folders
    from pipeline.stage import stage
    from tts.text.frontend import build_frontend

    with stage("synthesize", voice) as current:
        params, paths = current.params, current.paths
        folders = voice_folders(params, paths, current.runtime, voice)
        index = paths.index(params.voice(voice).corpus)
        rows = draw_utterances(index, folders.load().inventory, limit=params.evaluate.num_utterances)
        with replaced_directory(paths.audio(voice)) as folder:
            frontend, executor = build_frontend(params.text), folders.executor(current)
            losses = speak_utterances(rows, folders, frontend, folder, executor=executor, label=f"synthesize {voice}")
            current.check_losses(losses, num_clips=len(rows))
        current.say(f"wrote {paths.audio(voice)}")
        current.say(f"{len(rows) - len(losses)} utterances, {len(losses)} dropped")
