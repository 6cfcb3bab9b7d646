"""Curves in Weights & Biases: offline by default, and never in the way of a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

logger = logging.getLogger(__name__)

Mode = Literal["offline", "online", "disabled"]
OnRow = Callable[[Mapping[str, float]], None]

_PATIENCE_SECONDS = 30


@contextmanager
def tracked(name: str, config: Mapping[str, Any], *, key: str, mode: Mode, directory: Path) -> Iterator[OnRow]:
    """Yield a function that takes in rows of the curve; once tracking fails, it does nothing.

    Args:
        name: of the run.
        config: its settings.
        key: the same for all sittings of a run, so that they make one curve.
        mode: offline keeps everything in `directory`, for ``wandb sync``.
        directory: for its files.
    """
    if mode == "disabled":
        yield _nothing
        return
    failures = _failures()
    runs: list[Any] = []

    def log(row: Mapping[str, float]) -> None:
        try:
            for run in runs:
                run.log(dict(row), step=int(row["step"]))
        except failures as error:
            _give_up(error)
            runs.clear()

    try:
        runs.append(_start(name, config, key=key, mode=mode, directory=directory.resolve()))
    except failures as error:
        _give_up(error)
    try:
        yield log
    finally:
        with suppress(*failures):  # said before, or too late to matter
            for run in runs:
                run.finish()


def _failures() -> tuple[type[Exception], ...]:
    """What wandb raises; what its service process answers with is of another family than its own errors."""
    from wandb.errors import Error
    from wandb.sdk.mailbox import HandleAbandonedError, MailboxClosedError
    from wandb.sdk.mailbox.mailbox_handle import ServerResponseError

    return (Error, OSError, HandleAbandonedError, MailboxClosedError, ServerResponseError)


def _start(name: str, config: Mapping[str, Any], *, key: str, mode: Mode, directory: Path) -> Any:  # noqa: ANN401
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
    return wandb.init(
        project="tts",
        name=name,
        id=key,
        resume="allow",
        config=dict(config),
        mode=mode,
        dir=directory,
        settings=settings,
    )


def _give_up(error: Exception) -> None:
    logger.warning("wandb: %s; training goes on without it", error)


def _nothing(_: Mapping[str, float]) -> None:
    """Take in a row and do nothing."""
