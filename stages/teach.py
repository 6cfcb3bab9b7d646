"""Compute the mels that an acoustic run makes while it follows its recordings, for vocoders to learn from.

Reads models/<run>, data/corpus/<corpus> and data/features/<corpus>, writes data/mels/<run>, which runs of vocoders name
by `mels_from`. Example: ``tts teach demo_acoustic``.
"""

from __future__ import annotations


def run(name: str) -> None:
    """Compute the teacher-forced mels of an acoustic run."""
    from pipeline.fingerprint import file_key
    from pipeline.stage import Code, stage
    from pipeline.teacher_mels import read_teacher, write_teacher_mels
    from pipeline.training import content_of
    from tts.registry import module_of
    from tts.training.device import prepare_device
    from tts.training.processes import choose_device

    with stage("teach", name) as current:
        params, paths, runtime = current.params, current.paths, current.runtime
        settings = params.acoustic_run(name)
        prepare_device("fp32", num_threads=runtime.num_workers, equal_batches=False)
        teacher = read_teacher(paths, settings, paths.model(name), device=choose_device(runtime.device))
        model = [file_key(file) for file in sorted(paths.model(name).iterdir())]
        work = current.work(Code(module_of(settings.system)), content_of(params, paths, name), model)
        count = write_teacher_mels(paths.teacher_mels(name), teacher, work=work)
        current.say(f"wrote {paths.teacher_mels(name)}")
        current.say(f"{count} clips")
