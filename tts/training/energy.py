"""Energy that a run takes, as the machine's own counters tell it: NVIDIA GPUs by NVML, processors by Linux' powercap.

NVML: nvmlDeviceGetTotalEnergyConsumption, millijoules since the driver was loaded (Volta and newer),
https://docs.nvidia.com/deploy/nvml-api/. Powercap: energy_uj of each processor package, microjoules, which begins again
at max_energy_range_uj, https://docs.kernel.org/power/powercap/powercap.html; most systems let only root read it.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable
from pathlib import Path

import torch

Counter = Callable[[], float]
"""Joules since some moment in the past; NaN where they cannot be read."""

_POWERCAP = Path("/sys/class/powercap")
_NVML = "libnvidia-ml.so.1"


class EnergyMeter:
    """Joules that this process' GPU and, in the first process of a machine, its processors take.

    Attributes:
        counted: what tells its energy: ``gpu``, ``cpu``, ``gpu and cpu``, or nothing.
    """

    def __init__(self, device: torch.device, *, powercap: Path = _POWERCAP, nvml: str = _NVML) -> None:
        """Begin to count.

        Args:
            device: that computes.
            powercap: folder of the processors' counters.
            nvml: library that knows the GPUs.
        """
        has_gpu, is_first_here = device.type == "cuda", os.environ.get("LOCAL_RANK", "0") == "0"
        gpu = gpu_counter(_uuid(device), nvml) if has_gpu else None
        packages = [PackageCounter(zone) for zone in _packages(powercap)] if is_first_here else []
        self._counters: list[Counter] = [*([gpu] if gpu else []), *packages]
        self.counted = " and ".join(name for name, found in (("gpu", gpu), ("cpu", packages)) if found)
        if (gpu is None) if has_gpu else (is_first_here and not packages):  # the processors alone would mislead
            self._counters, self.counted = [lambda: math.nan], ""
        self._last = self._read()

    def spent(self) -> float:
        """Joules since the last call; NaN where nothing tells, 0 where another process tells for this one."""
        last, self._last = self._last, self._read()
        return self._last - last

    def look(self) -> None:
        """Take notice of processors' counters, which begin again after some minutes to hours of load."""
        self._read()

    def _read(self) -> float:
        return sum(counter() for counter in self._counters)


class PackageCounter:
    """A processor's joules, without the steps back where its counter begins again."""

    def __init__(self, zone: Path) -> None:
        self._zone, self._passed, self._last = zone, 0.0, 0.0

    def __call__(self) -> float:
        """Read the counter."""
        now = _number(self._zone / "energy_uj")
        if now < self._last:
            self._passed += _number(self._zone / "max_energy_range_uj")
        self._last = now
        return (self._passed + now) / 1e6


def gpu_counter(uuid: object, nvml: str = _NVML) -> Counter | None:
    """The counter of a GPU; None without NVML, or where the GPU has no such counter.

    Args:
        uuid: of the GPU, as torch gives it; numbers of devices differ where CUDA_VISIBLE_DEVICES hides some.
        nvml: file or name of the library.
    """
    try:
        library = ctypes.CDLL(nvml)
    except OSError:
        return None
    device, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
    if library.nvmlInit_v2() or library.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}".encode(), ctypes.byref(device)):
        return None

    def read() -> float:
        failed = library.nvmlDeviceGetTotalEnergyConsumption(device, ctypes.byref(millijoules))
        return math.nan if failed else millijoules.value / 1e3

    return None if math.isnan(read()) else read


def _uuid(device: torch.device) -> object:
    return getattr(torch.cuda.get_device_properties(device), "uuid", None)  # which not every build of torch tells


def _packages(powercap: Path) -> list[Path]:
    """Zones of whole packages that may be read: parts of them are in their sums, and so are they in the platform's."""
    zones = sorted(powercap.glob("intel-rapl:*"))  # AMD's too
    return [
        zone
        for zone in zones
        if _text(zone / "name").startswith("package") and not math.isnan(_number(zone / "energy_uj"))
    ]


def _number(file: Path) -> float:
    text = _text(file)
    return float(text) if text.isdigit() else math.nan


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
