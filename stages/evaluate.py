"""Measure a voice beside ground truth, copy-synthesis and Griffin-Lim.

Reads data/audio/<voice>, models/<run> of both runs, data/corpus/<corpus> and data/features/<corpus>, writes
data/scores/<voice> (a table of scores, the anchors' audio, and styles that are heard) and metrics/voices/<voice>.json.
Example: ``tts evaluate demo``.
"""

from __future__ import annotations


def run(voice: str) -> None:
    """Measure what a voice said of the test split."""
    from pipeline.evaluation import Plan, evaluate
    from pipeline.output import replaced_directory, write_json
    from pipeline.speaking import voice_folders
    from pipeline.stage import stage
    from pipeline.style_space import write_styles

    with stage("evaluate", voice) as current:
        params, paths = current.params, current.paths
        settings = params.voice(voice)
        plan = Plan(
            voice=voice_folders(params, paths, current.runtime, voice),
            spoken=paths.audio(voice),
            corpus=paths.corpus(settings.corpus),
            mel=paths.mel(settings.corpus),
            prosody=paths.prosody(settings.corpus),
            index=paths.index(settings.corpus),
            settings=params.evaluate,
        )
        with replaced_directory(paths.scores(voice)) as folder:
            means = evaluate(plan, folder, current)
            write_styles(plan, folder)
        write_json(paths.voice_metrics(voice), means)
        current.say(f"wrote {paths.scores(voice)}")
        current.say(", ".join(f"{name} {each['mean']:.3g}" for name, each in means["voice"].items()))
