"""How fast the vocoders speak on this machine's CPU, as ratios to HiFi-GAN V1 in the same run.

    python benchmarks/vocoders.py [--json] [--seconds 4] [--rounds 7]

Weights are random: speed does not depend on them. Each round times every vocoder once, one after the other, so that
a machine that slows down slows them all; a ratio is the median of its rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import torch
from torch import nn

from tts.audio.mel_definition import MelDefinition
from tts.interfaces import Inventory, Unconditional
from tts.registry import SYSTEMS, load_system

MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)
REFERENCE = "hifigan_v1"


def main() -> None:
    """Print real-time factors and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print ratios as one JSON object")
    parser.add_argument("--seconds", type=float, default=4.0, help="of speech")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    mel = torch.randn(1, MEL.n_mels, round(options.seconds * MEL.frames_per_second)) - 5
    networks = _networks()
    rounds = [_time_all(networks, mel) for _ in range(options.rounds)]
    ratios = {
        f"{name}_over_{REFERENCE}": statistics.median(each[REFERENCE] / each[name] for each in rounds)
        for name in rounds[0]
        if name != REFERENCE
    }
    if options.json:
        print(json.dumps({name: round(ratio, 3) for name, ratio in ratios.items()}))
        return
    for name in rounds[0]:
        factor = statistics.median(each[name] for each in rounds) / options.seconds
        ratio = ratios.get(f"{name}_over_{REFERENCE}", 1.0)
        print(f"{name:28} {factor:8.4f} s per s of speech {ratio:8.2f} x {REFERENCE}")


def _networks() -> dict[str, nn.Module]:
    found: dict[str, nn.Module] = {}
    for system, kind in SYSTEMS.items():
        if kind != "vocoder":
            continue
        record = load_system(system)
        for configuration, config in record.configurations.items():
            network = record.build(config, Inventory(mel=MEL)).eval()
            if isinstance(network, Unconditional):
                continue  # speaks no mel
            if hasattr(network, "fold_weight_norm"):
                network.fold_weight_norm()
            name = f"{system.split('/')[1]}_{configuration}"
            found[name.removesuffix("_published")] = network
    return found


@torch.inference_mode()
def _time_all(networks: dict[str, nn.Module], mel: torch.Tensor) -> dict[str, float]:
    seconds = {}
    for name, network in networks.items():
        network(mel[..., :64])  # what is made on first use is made
        start = time.perf_counter()
        network(mel)
        seconds[name] = time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    main()
