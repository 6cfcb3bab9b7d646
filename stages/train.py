"""Train or fine-tune one run; a run that was interrupted goes on where it was.

Reads data/corpus/<corpus> and data/features/<corpus>, writes models/<run>, metrics/runs/<run>.{json,csv} and
metrics/curves/<run>; what it needs to go on is in .tts_cache/train. Example: ``tts train demo_vocoder``. How many
processes train together, on how many machines, stands in runtime.yaml.
"""

from __future__ import annotations

import typer

INTERRUPTED = 75  # EX_TEMPFAIL of sysexits.h: run it again and it goes on


def run(name: str) -> None:
    """Train one run of params.yaml."""
    from pathlib import Path

    from pipeline.launching import is_to_be_launched
    from pipeline.runtime import load_runtime

    if is_to_be_launched(load_runtime(Path())):
        _launch(name)
    else:
        _train(name)


def _launch(name: str) -> None:
    from pathlib import Path

    import torch

    from pipeline.launching import launch
    from pipeline.params import load_params
    from pipeline.runtime import load_runtime

    run, runtime = load_params(Path()).training_run(name), load_runtime(Path())
    code = launch(["train", name], runtime, accumulate=run.accumulate, num_devices=torch.cuda.device_count())
    if code is None:
        typer.echo(f"train {name}: stopped; run it again to go on")
    if code != 0:
        raise typer.Exit(INTERRUPTED if code is None else code)


def _train(name: str) -> None:
    from dataclasses import replace

    from pipeline.hosting import evaluations_folder, hosted, samples_folder
    from pipeline.recitals import keep_measures, recital_of, recited_clips
    from pipeline.stage import Code, stage
    from pipeline.training import content_of, keep, read_run
    from tts.registry import module_of
    from tts.training.device import prepare_device
    from tts.training.interruption import stop_on_signals
    from tts.training.processes import joined
    from tts.training.trainer import Trainer

    with stage("train", name) as current, stop_on_signals() as should_stop, joined(current.runtime.device) as processes:
        run = read_run(current.params, current.paths, name)
        threads, is_vocoder = max(1, current.runtime.num_workers // processes.size), run.system.kind == "vocoder"
        prepare_device(run.settings.precision, num_threads=threads, equal_batches=is_vocoder)
        code = Code(module_of(run.settings.system))
        work = current.work(code, content_of(current.params, current.paths, name))
        run = run.fitted(work, processes)
        task = run.task(processes.device, processes)
        data = run.data(task.network, num_samples=current.runtime.samples)
        data = replace(data, recital=recital_of(run, task.network, recited_clips(run)))
        with hosted(current, name, run, work=work, processes=processes, should_stop=should_stop) as host:
            trainer = Trainer(task, data, run.settings, directory=work, host=host)
            if not trainer.run():
                typer.echo(f"train {name}: stopped at step {trainer.progress.step}; run it again to go on")
                raise typer.Exit(INTERRUPTED)
        if processes.is_first:
            keep(current.paths, name, run, task, trainer)
            keep_measures(current.paths, name, run, evaluations=evaluations_folder(work))
        current.say(f"wrote {current.paths.model(name)}")
        current.say(f"{trainer.progress.step} steps, validation loss {trainer.progress.last['loss']:.4g}")
        if share := trainer.metrics().get("evaluation_share"):
            current.say(f"{share:.1%} of the time to say what is measured")
        if samples_folder(work).is_dir():
            current.say(f"samples in {samples_folder(work)}")
