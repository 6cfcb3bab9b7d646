"""How fast the decoders of VITS2 let it speak on one core, as ratios to a twin with HiFi-GAN's decoder in the same run.

    python benchmarks/end_to_end.py [--json] [--seconds 4] [--rounds 7]

All of `speak` is timed, from phones to samples. A twin has the same sizes but for the decoder, whose trunk begins with
as many channels and upsamples by HiFi-GAN's rates; since the weights are random but the same outside the decoder, both
say the same durations. Each round times every network once, one after the other, so that a machine that slows down
slows them all; a ratio is the median of its rounds, beside the least and the largest. Keys:
``<configuration>_over_hifigan_twin``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Mapping

import torch

from tts.audio.mel_definition import MelDefinition
from tts.end_to_end.vits2 import SYSTEM, Config, Vits2
from tts.interfaces import Controls, Inventory
from tts.layers.residual_stacks import TrunkConfig

MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)
INVENTORY = Inventory(mel=MEL, symbols=tuple(map(str, range(80))), speakers=("anna", "bert"))
_PHONES_PER_SECOND = 14

Sizes = Mapping[str, Config]


def main() -> None:
    """Print real-time factors and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print ratios as one JSON object on the last line")
    parser.add_argument("--seconds", type=float, default=4.0, help="of speech")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sizes = {name: config for name, config in SYSTEM.configurations.items() if config.decoder != "hifigan"}
    ratios = measure(sizes, seconds=options.seconds, rounds=options.rounds)
    if options.json:
        print(json.dumps({name: round(statistics.median(each), 3) for name, each in ratios.items()}))


def measure(sizes: Sizes, *, seconds: float, rounds: int) -> dict[str, list[float]]:
    """Give the ratios of every round by key, and print them."""
    networks = {name: _build(config) for name, config in sizes.items()}
    twins = {name: _build(twin_of(config)) for name, config in sizes.items()}
    ratios: dict[str, list[float]] = {f"{name}_over_hifigan_twin": [] for name in sizes}
    factors: dict[str, list[float]] = {name: [] for name in sizes}
    for _ in range(rounds):
        for name in sizes:
            spent, spoken = _time(networks[name], seconds)
            twin_spent, twin_spoken = _time(twins[name], seconds)
            assert spoken == twin_spoken, "a twin says the same"
            ratios[f"{name}_over_hifigan_twin"].append(twin_spent / spent)
            factors[name].append(spent / spoken)
    for name in sizes:
        of_twin = ratios[f"{name}_over_hifigan_twin"]
        print(
            f"{name:14} {statistics.median(factors[name]):7.4f} s per s of speech, {statistics.median(of_twin):5.2f} "
            f"times as fast as its twin ({min(of_twin):.2f} to {max(of_twin):.2f}, n = {rounds})"
        )
    return ratios


def twin_of(config: Config) -> Config:
    """The same sizes with HiFi-GAN's decoder, of as many channels."""
    rates = TrunkConfig(channels=config.trunk.channels)
    return dataclasses.replace(config, decoder="hifigan", trunk=rates)


def _build(config: Config) -> Vits2:
    torch.manual_seed(0)
    network = Vits2(config, INVENTORY).eval()
    network.fold_weight_norm()
    return network


@torch.inference_mode()
def _time(network: Vits2, seconds: float) -> tuple[float, float]:
    """Seconds that it takes to speak, and seconds of speech."""
    number = round(seconds * _PHONES_PER_SECOND)
    phones = torch.arange(number).remainder(len(INVENTORY.symbols))[None]
    scale = seconds * MEL.frames_per_second / network.num_symbols(number)  # random weights foretell about a frame each
    start = time.perf_counter()
    spoken = network.speak(
        phones, torch.tensor([number]), speaker_ids=torch.tensor([0]), controls=Controls(duration_scale=scale)
    )
    return time.perf_counter() - start, int(spoken.num_samples[0]) / MEL.sample_rate


if __name__ == "__main__":
    main()
