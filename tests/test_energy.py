"""Joules from the machine's counters, and none made up."""

import ctypes
import functools
import math

import pytest
import torch
from toys import acoustic_run, settings

from tts.training import energy
from tts.training.energy import EnergyMeter, gpu_counter
from tts.training.trainer import Host, Trainer

CPU = torch.device("cpu")


def zone(powercap, name, title, joules, *, most=100):
    folder = powercap / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{title}\n")
    (folder / "energy_uj").write_text(f"{int(joules * 1e6)}\n")
    (folder / "max_energy_range_uj").write_text(f"{int(most * 1e6)}\n")


def test_packages_are_added_up_and_their_parts_and_the_platform_are_not_counted_twice(tmp_path):
    titles = {
        "intel-rapl:0": "package-0",
        "intel-rapl:1": "package-1",
        "intel-rapl:2": "psys",
        "intel-rapl:0:0": "core",
    }
    for name, title in titles.items():
        zone(tmp_path, name, title, 10)
    meter = EnergyMeter(CPU, powercap=tmp_path)
    for name, title in titles.items():
        zone(tmp_path, name, title, 13)
    assert meter.spent() == pytest.approx(6)
    assert meter.spent() == 0
    assert meter.counted == "cpu"


def test_a_counter_that_begins_again_loses_nothing(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0", 90)
    meter = EnergyMeter(CPU, powercap=tmp_path)
    for joules in (95, 5, 60, 2):
        zone(tmp_path, "intel-rapl:0", "package-0", joules)
        meter.look()
    assert meter.spent() == pytest.approx(112)


def test_what_cannot_be_read_is_unknown_and_not_zero(tmp_path):
    (tmp_path / "intel-rapl:0" / "energy_uj").mkdir(parents=True)
    (tmp_path / "intel-rapl:0" / "name").write_text("package-0")
    for powercap in (tmp_path, tmp_path / "missing"):
        meter = EnergyMeter(CPU, powercap=powercap)
        assert math.isnan(meter.spent())
        assert meter.counted == ""


def test_only_the_first_process_of_a_machine_counts_its_processors(tmp_path, monkeypatch):
    zone(tmp_path, "intel-rapl:0", "package-0", 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    meter = EnergyMeter(CPU, powercap=tmp_path)
    zone(tmp_path, "intel-rapl:0", "package-0", 4)
    assert (meter.spent(), meter.counted) == (0, "")


class FakeNvml:
    """A driver that knows one GPU."""

    def __init__(self, *, supported=True):
        self.millijoules, self.supported = 5000, supported

    def nvmlInit_v2(self):  # noqa: N802 - NVML's name
        return 0

    def nvmlDeviceGetHandleByUUID(self, uuid, handle):  # noqa: N802
        handle._obj.value = 7
        return 0 if uuid == b"GPU-1234" else 6

    def nvmlDeviceGetTotalEnergyConsumption(self, handle, found):  # noqa: N802
        assert handle.value == 7
        found._obj.value = self.millijoules
        return 0 if self.supported else 3


def test_a_gpu_is_found_by_its_uuid_and_tells_joules(monkeypatch):
    nvml = FakeNvml()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: nvml)
    counter = gpu_counter("1234")
    before = counter()
    nvml.millijoules += 2500
    assert counter() - before == 2.5
    assert gpu_counter("another") is None
    nvml.supported = False
    assert gpu_counter("1234") is None


def test_a_machine_without_nvml_has_no_gpu_counter():
    assert gpu_counter("1234", "libnone-such.so.1") is None


def test_gpu_and_processors_are_added_up(tmp_path, monkeypatch):
    zone(tmp_path, "intel-rapl:0", "package-0", 1)
    monkeypatch.setattr(energy, "gpu_counter", lambda *_: iter((100.0, 107.0)).__next__)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: type("Properties", (), {"uuid": "1234"}))
    meter = EnergyMeter(torch.device("cuda"), powercap=tmp_path)
    zone(tmp_path, "intel-rapl:0", "package-0", 4)
    assert meter.spent() == pytest.approx(10)
    assert meter.counted == "gpu and cpu"


def test_a_gpu_that_does_not_tell_leaves_the_sum_unknown(tmp_path, monkeypatch):
    zone(tmp_path, "intel-rapl:0", "package-0", 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: object())
    meter = EnergyMeter(torch.device("cuda"), powercap=tmp_path, nvml="libnone-such.so.1")
    assert math.isnan(meter.spent())
    assert meter.counted == ""


def train(folder, acoustic, inventory, **host):
    task, data = acoustic_run(acoustic, inventory, settings(log_every=1))
    folder.mkdir(exist_ok=True)
    trainer = Trainer(task, data, settings(log_every=1), directory=folder, host=Host(**host))
    trainer.run()
    return trainer.metrics()


def test_a_runs_energy_is_that_of_all_its_sittings(tmp_path, acoustic, inventory, monkeypatch):
    powercap = tmp_path / "powercap"
    zone(powercap, "intel-rapl:0", "package-0", 0)
    rows = []

    def on_row(_):  # 30 J a step, so that the counter begins again in every fourth
        rows.append(1)
        zone(powercap, "intel-rapl:0", "package-0", 30 * len(rows) % 100)

    monkeypatch.setattr("tts.training.trainer.EnergyMeter", functools.partial(EnergyMeter, powercap=powercap))
    first = train(tmp_path / "run", acoustic, inventory, on_row=on_row, should_stop=lambda: len(rows) == 5)
    assert first["energy_kwh"] == pytest.approx(5 * 30 / 3.6e6)
    whole = train(tmp_path / "run", acoustic, inventory, on_row=on_row)
    assert whole["energy_kwh"] == pytest.approx(12 * 30 / 3.6e6)
    assert whole["energy_counted"] == "cpu"


def test_a_sitting_without_a_counter_leaves_the_sum_unknown(tmp_path, acoustic, inventory, monkeypatch):
    zone(tmp_path / "powercap", "intel-rapl:0", "package-0", 1)
    for folder, stop in (("powercap", True), ("missing", False)):
        meter = functools.partial(EnergyMeter, powercap=tmp_path / folder)
        monkeypatch.setattr("tts.training.trainer.EnergyMeter", meter)
        metrics = train(tmp_path / "run", acoustic, inventory, should_stop=lambda stop=stop: stop)
    assert metrics["steps"] == 12
    assert "energy_kwh" not in metrics
