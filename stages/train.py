"""Train or fine-tune one run; a run that was interrupted goes on where it was.

Reads data/corpus/<corpus> and data/features/<corpus>, writes models/<run> and metrics/runs/<run>.{json,csv}; what it
needs to go on is in .tts_cache/train. Example: ``tts train demo_vocoder``. How many processes train together, on how
many machines, stands in runtime.yaml.
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
    import shutil

    from pipeline.output import replaced_directory, replaced_file, write_json
    from pipeline.stage import Code, stage
    from pipeline.tracking import tracked
    from pipeline.training import content_of, read_run
    from tts.config import to_plain
    from tts.registry import module_of
    from tts.training.device import prepare_device
    from tts.training.interruption import stop_on_signals
    from tts.training.processes import joined
    from tts.training.trainer import Host, Trainer

    with stage("train", name) as current, stop_on_signals() as should_stop, joined(current.runtime.device) as processes:
        run, workers = read_run(current.params, current.paths, name), current.runtime.num_workers
        threads, is_vocoder = max(1, workers // processes.size), run.system.kind == "vocoder"
        prepare_device(run.settings.precision, num_threads=threads, equal_batches=is_vocoder)
        code = Code(module_of(run.settings.system))
        work = current.work(code, content_of(current.params, current.paths, name))
        run = run.fitted(work, processes)
        settings = run.settings
        task = run.task(processes.device, processes)
        mode = current.runtime.wandb if processes.is_first else "disabled"
        with tracked(
            name, to_plain(settings), key=work.name, mode=mode, directory=current.paths.cache / "wandb"
        ) as on_row:
            host = Host(workers=workers, processes=processes, should_stop=should_stop, on_row=on_row)
            trainer = Trainer(task, run.data(task.network), settings, directory=work, host=host)
            if not trainer.run():
                typer.echo(f"train {name}: stopped at step {trainer.progress.step}; run it again to go on")
                raise typer.Exit(INTERRUPTED)
        if processes.is_first:
            with replaced_directory(current.paths.model(name)) as folder:
                run.export(folder, task, steps=trainer.progress.step)
            with replaced_file(current.paths.run_curve(name)) as file:
                shutil.copyfile(trainer.curve_path, file)
            write_json(current.paths.run_metrics(name), trainer.metrics())
        current.say(f"wrote {current.paths.model(name)}")
        current.say(f"{trainer.progress.step} steps, validation loss {trainer.progress.last['loss']:.4g}")
