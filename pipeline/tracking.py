"""Curves and samples in Weights & Biases: offline by default, and never in the way of a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from pipeline.provenance import Provenance

logger = logging.getLogger(__name__)

Mode = Literal["offline", "online", "disabled"]

_PATIENCE_SECONDS = 30
_LONGEST_TAG = 64  # wandb refuses runs with longer ones
_NOWHERE = Provenance(None, None, None, None)


class Tracker:
    """Takes in what a run tells; once tracking fails, it does nothing."""

    def __init__(self) -> None:
        self._run: Any = None

    def start(self, make: Callable[[], Any]) -> None:
        """Begin, with a run of wandb."""
        with self._giving_up():
            self._run = make()

    def row(self, row: Mapping[str, float]) -> None:
        """Take in a row of the curve."""
        with self._giving_up():
            if self._run is not None:
                self._run.log(dict(row), step=int(row["step"]))

    def evaluation(self, row: Mapping[str, float]) -> None:
        """Take in what was measured of the weights of a step, which may be long past."""
        with self._giving_up():
            if self._run is not None:
                self._run.log({f"evaluation/{name}": value for name, value in row.items()})

    def samples(self, step: int, folder: Path) -> None:
        """Take in the pictures and sounds of a step, which are named by their utterances."""
        with self._giving_up():
            if self._run is not None:
                self._run.log(_media(folder), step=step)

    def finish(self) -> None:
        """Write what is left."""
        if self._run is not None:
            with suppress(*_failures()):  # too late to matter
                self._run.finish()

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        try:
            yield
        except _failures() as error:
            logger.warning("wandb: %s; training goes on without it", error)
            self._run = None


@contextmanager
def tracked(
    name: str,
    config: Mapping[str, Any],
    *,
    key: str,
    mode: Mode,
    directory: Path,
    origin: Provenance = _NOWHERE,
) -> Iterator[Tracker]:
    """Yield what takes in rows and samples of a run; once tracking fails, it does nothing.

    Args:
        name: of the run.
        config: its settings.
        key: the same for all sittings of a run, so that they make one curve.
        mode: offline keeps everything in `directory`, for ``wandb sync``.
        directory: for its files.
        origin: experiment and commit.
    """
    tracker = Tracker()
    if mode == "disabled":
        yield tracker
        return
    tracker.start(lambda: _start(name, config, key=key, mode=mode, directory=directory.resolve(), origin=origin))
    try:
        yield tracker
    finally:
        tracker.finish()


def _media(folder: Path) -> dict[str, Any]:
    import wandb

    pictures = {f"pictures/{file.stem}": wandb.Image(str(file)) for file in sorted(folder.glob("*.png"))}
    return pictures | {f"sounds/{file.stem}": wandb.Audio(str(file)) for file in sorted(folder.glob("*.wav"))}


def _failures() -> tuple[type[Exception], ...]:
    """What wandb raises; what its service process answers with is of another family than its own errors."""
    from wandb.errors import Error
    from wandb.sdk.mailbox import HandleAbandonedError, MailboxClosedError
    from wandb.sdk.mailbox.mailbox_handle import ServerResponseError

    return (Error, OSError, HandleAbandonedError, MailboxClosedError, ServerResponseError)


def _start(name: str, config: Mapping[str, Any], *, key: str, mode: Mode, directory: Path, origin: Provenance) -> Any:  # noqa: ANN401
    import wandb

    directory.mkdir(parents=True, exist_ok=True)
    if mode == "online" and not wandb.login(prompt=False):
        logger.warning("wandb: nobody is logged in (`wandb login`), so the curve is kept offline in %s", directory)
        mode = "offline"
    settings = wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        init_timeout=_PATIENCE_SECONDS,
        finish_timeout=_PATIENCE_SECONDS,
    )
    run = wandb.init(
        project="tts",
        name=origin.title(name),
        group=origin.revision,
        tags=[tag[:_LONGEST_TAG] for tag in origin.tags],
        id=key,
        resume="allow",
        config={**config, **origin.plain()},
        mode=mode,
        dir=directory,
        settings=settings,
    )
    run.define_metric("evaluation/*", step_metric="evaluation/step")
    return run
