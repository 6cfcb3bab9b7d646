"""The `tts` command: one subcommand per stage, and a few to look after the project.

Stage modules import nothing heavy until they run, so that ``tts --help`` answers at once.
"""

from __future__ import annotations

import errno
import functools
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from stages import (
    align,
    compare,
    convert,
    doctor,
    download,
    evaluate,
    experiments,
    import_checkpoint,
    index,
    mel,
    prepare,
    preset,
    pronounce,
    prosody,
    report,
    say,
    score,
    speak_texts,
    systems,
    teach,
    train,
    vectors,
    vocode,
    why,
)
from stages import cache as cache_command
from stages import corpus as corpus_command
from stages import listening_test as listening
from tts.errors import TtsError

app = typer.Typer(help="Turn recordings into text-to-speech voices.", no_args_is_help=True, add_completion=False)

_DEBUG = {"on": False}


@app.callback()
def _options(*, debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and details.")] = False) -> None:
    _DEBUG["on"] = debug
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("matplotlib", "numba", "PIL", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _one_line_errors(function: Callable[..., None]) -> Callable[..., None]:
    """Bad input ends in one clear line and exit code 1; `--debug` shows where it came from."""

    @functools.wraps(function)
    def wrapped(*args: object, **kwargs: object) -> None:
        try:
            function(*args, **kwargs)
        except (TtsError, OSError) as error:
            if _DEBUG["on"]:
                raise
            typer.secho(f"error: {_line(error)}", fg="red", err=True)
            raise typer.Exit(1) from error

    return wrapped


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full{f' ({error.filename})' if error.filename else ''}; free some space and run again"
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))  # which item it is about
    return " ".join(f"{error}{notes}".split())


_STAGES: dict[str, Callable[..., None]] = {
    "download": download.run,
    "prepare": prepare.run,
    "align": align.run,
    "mel": mel.run,
    "prosody": prosody.run,
    "vectors": vectors.run,
    "index": index.run,
    "train": train.run,
    "teach": teach.run,
    "synthesize": speak_texts.run,
    "evaluate": evaluate.run,
    "report": report.run,
}
_OTHERS: dict[str, Callable[..., None]] = {
    "say": say.run,
    "vocode": vocode.run,
    "convert": convert.run,
    "score": score.run,
    "compare": compare.run,
    "experiments": experiments.run,
    "pronounce": pronounce.run,
    "import-checkpoint": import_checkpoint.run,
    "doctor": doctor.run,
    "why": why.run,
    "systems": systems.run,
}
for _panel, _commands in (("Stages", _STAGES), ("Around them", _OTHERS)):
    for _name, _function in _commands.items():
        app.command(_name, rich_help_panel=_panel)(_one_line_errors(_function))

_preset = typer.Typer(help="Complete params.yaml files.", no_args_is_help=True)
_preset.command("list")(_one_line_errors(preset.show))
_preset.command("use")(_one_line_errors(preset.use))
app.add_typer(_preset, name="preset", rich_help_panel="Around them")

_cache = typer.Typer(help="Work in progress below .tts_cache.", no_args_is_help=True)
_cache.command("size")(_one_line_errors(cache_command.size))
_cache.command("clear")(_one_line_errors(cache_command.clear))
app.add_typer(_cache, name="cache", rich_help_panel="Around them")

_corpus = typer.Typer(help="Recordings and transcripts.", no_args_is_help=True)
_corpus.callback()(lambda: None)  # with one command alone, typer would make it `tts corpus`
_corpus.command("check")(_one_line_errors(corpus_command.check))
app.add_typer(_corpus, name="corpus", rich_help_panel="Around them")

_listening = typer.Typer(help="Blind tests with listeners.", no_args_is_help=True)
_listening.command("make")(_one_line_errors(listening.make))
_listening.command("summarize")(_one_line_errors(listening.summarize))
app.add_typer(_listening, name="listening-test", rich_help_panel="Around them")


def main() -> None:
    """Run the command line, with the code of the folder it is called in.

    An editable install always finds the original checkout; `dvc exp run --temp` works in a copy, which may differ.
    """
    here = Path("stages", "app.py")
    if here.exists() and not here.samefile(__file__):
        os.execv(sys.executable, [sys.executable, "-m", "stages", *sys.argv[1:]])
    app()
