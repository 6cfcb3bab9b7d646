"""Packages that a metric needs and that need not be installed; a metric without its package is absent, and says why."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from tts.metrics.measurable import NotMeasurableError

_INSTALL = "pip install -c constraints.txt -e"
_REMEDIES = {
    "speechmos": f"{_INSTALL} .",
    "pystoi": f"{_INSTALL} .",
    "pocketsphinx": f"{_INSTALL} .",
    "pesq": f"{_INSTALL} '.[pesq]' (compiles, needs a C compiler)",
    "resemblyzer": "pip install --no-deps resemblyzer==0.1.4",
}


def require_package(name: str) -> None:
    """Refuse to measure without a package.

    Raises:
        NotMeasurableError: it is not installed; the message says how it is.
    """
    if find_spec(name) is None:
        raise NotMeasurableError(f"the package {name} is not installed: {_REMEDIES[name]}")


def installed_packages() -> dict[str, str]:
    """Versions of the packages that metrics use, "absent" for those that are not there.

    Results that are kept belong to them: a metric that was absent is computed once its package is there.
    """
    return {name: _version(name) for name in sorted(_REMEDIES)}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
