"""The encoder's weights, read out of the wheel `resemblyzer` without running any of its code.

The wheel's own code needs webrtcvad, which has to be compiled, for what is not used here; so it is installed alone.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import torch

from tts.errors import ConfigError
from tts.speakers.encoder import SpeakerEncoder

WHEEL = "resemblyzer==0.1.4"
_SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
_INSTALL = f"run `pip install --no-deps {WHEEL}` (16 MB, Apache-2.0)"


@lru_cache(maxsize=1)
def load_encoder() -> SpeakerEncoder:
    """Give the trained encoder on the CPU, loaded once in each process.

    Raises:
        ConfigError: the wheel is absent, or of another version.
    """
    encoder = SpeakerEncoder()
    saved = torch.load(find_weights(), map_location="cpu", weights_only=True)["model_state"]
    # What is left are scale and offset of the loss.
    encoder.load_state_dict({name: saved[name] for name in encoder.state_dict()})
    return encoder.eval().requires_grad_(requires_grad=False)


def find_weights() -> Path:
    """Give the weights' file.

    Raises:
        ConfigError: the wheel is absent, or of another version.
    """
    found = find_spec("resemblyzer")  # does not import what is in the wheel
    if found is None or not found.submodule_search_locations:
        raise ConfigError(f"speaker vectors need the weights of the wheel resemblyzer, which is absent; {_INSTALL}")
    path = Path(found.submodule_search_locations[0]) / "pretrained.pt"
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != _SHA256:
        raise ConfigError(f"{path}: is not the file of {WHEEL}; {_INSTALL}")
    return path
