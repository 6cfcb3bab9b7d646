"""What a run shows while it trains."""

import io
import sys

from tts.training.progress import training_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_loss_learning_rate_and_waiting(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with training_bar(5, 20) as show:
        show(10, loss=0.12345, lr=1e-3, wait=0.25)
    assert all(part in sys.stderr.getvalue() for part in ("10/20", "loss 0.1235", "lr 0.001", "data wait 25%"))


def test_a_log_file_gets_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with training_bar(0, 2) as show:
        show(1, loss=0.5, lr=1e-3, wait=0.0)
    assert sys.stderr.getvalue() == ""
