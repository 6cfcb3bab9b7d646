"""Parameters chosen by patterns of their names."""

from __future__ import annotations

import fnmatch

from torch import nn

from tts.errors import ConfigError


def matching(network: nn.Module, pattern: str, *, what: str) -> list[str]:
    """Names of the parameters that match a pattern (fnmatch).

    Args:
        network: whose parameters.
        pattern: for example ``encoder.*``.
        what: the setting that holds it, for the message.

    Raises:
        ConfigError: none does.
    """
    names = [name for name, _ in network.named_parameters()]
    matched = fnmatch.filter(names, pattern)
    if not matched:
        parts = sorted({name.split(".")[0] for name in names})
        raise ConfigError(f"{what}: {pattern!r} matches no parameter; names begin with {', '.join(parts)}")
    return matched
