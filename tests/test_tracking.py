"""Weights & Biases beside a run, and out of its way."""

import time

from wandb.sdk.mailbox.mailbox_handle import ServerResponseError

from pipeline.tracking import tracked


def test_curves_are_kept_offline_below_the_folder(tmp_path):
    with tracked("toy", {"steps": 2}, key="abc", mode="offline", directory=tmp_path / "wandb") as on_row:
        for step in (1, 2):
            on_row({"step": step, "train_loss": 1 / step})
    (file,) = (tmp_path / "wandb").rglob("*.wandb")
    deadline = time.monotonic() + 20
    while b"train_loss" not in file.read_bytes():  # wandb's own process writes when it gets to it
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_folder_that_cannot_be_made_does_not_stop_a_run(tmp_path, caplog):
    (tmp_path / "file").touch()
    with tracked("toy", {}, key="abc", mode="offline", directory=tmp_path / "file" / "wandb") as on_row:
        on_row({"step": 1, "train_loss": 1.0})
    assert "training goes on without it" in caplog.text


def test_a_service_that_refuses_the_run_does_not_stop_it(tmp_path, caplog, monkeypatch):
    """As after `kill -9`, while the service of the killed run still holds its id."""

    def refuse(**_):
        raise ServerResponseError("run ID abc is in use")

    monkeypatch.setattr("wandb.init", refuse)
    with tracked("toy", {}, key="abc", mode="offline", directory=tmp_path / "wandb") as on_row:
        on_row({"step": 1, "train_loss": 1.0})
    assert "run ID abc is in use; training goes on without it" in caplog.text


def test_disabled_tracking_writes_nothing(tmp_path):
    with tracked("toy", {}, key="abc", mode="disabled", directory=tmp_path) as on_row:
        on_row({"step": 1, "train_loss": 1.0})
    assert list(tmp_path.iterdir()) == []
