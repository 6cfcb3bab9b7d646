"""How fast the vocoders speak on this machine's CPU, as ratios to HiFi-GAN V1 in the same run.

    python benchmarks/vocoders.py [--json] [--seconds 4] [--rounds 5] [--threads 2] [--only hifigan]
        [--reference CHECKOUT_OF_HIFIGAN]

Weights are random: speed does not depend on them. Each round times every vocoder once, one after the other, and the
next in the other order, so that a machine that slows down slows them all; a ratio is the median of its rounds, shown
with the least and the greatest. What speaks slower than real time is left out after two rounds.

With `--reference`, a checkout of github.com/jik876/hifi-gan, its V1, V2 and V3 speak too, with the same weights:
`hifigan_v1_over_public` is the speed of ours over theirs, `hifigan_v1_difference` the largest difference of a sample
over the loudest. `--threads 1` compares on one core, by the seconds that it worked for each, whatever else it does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor
from training_references import imported

from tts.audio.mel_definition import MelDefinition
from tts.imports.hifigan_jik876 import converted
from tts.interfaces import Inventory, Unconditional
from tts.registry import SYSTEMS, load_system
from tts.training.export import fold
from tts.vocoders import hifigan

MEL = MelDefinition(sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0)
BASELINE = "hifigan_v1"
VERSIONS = ("v1", "v2", "v3")
ROUNDS_OF_THE_SLOW = 2
WARM_UP_FRAMES = 64

Speak = Callable[[Tensor], Tensor]
Round = Mapping[str, float]
"""Seconds by vocoder."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print real-time factors and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print ratios as one JSON object, on the last line")
    parser.add_argument("--seconds", type=float, default=4.0, help="of speech")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="as many as torch takes where it is left out")
    parser.add_argument("--only", default="", help=f"vocoders whose names begin so, and {BASELINE}")
    parser.add_argument("--reference", type=Path, help="checkout of github.com/jik876/hifi-gan")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    mel = torch.randn(1, MEL.n_mels, round(options.seconds * MEL.frames_per_second)) - 5
    voices = {name: each for name, each in ours().items() if name.startswith((options.only, BASELINE))}
    figures: dict[str, float] = {}
    if options.reference:
        pairs = {version: public(options.reference, version) for version in VERSIONS}
        for version, (own, theirs) in pairs.items():
            voices |= {f"hifigan_{version}": own, f"hifigan_{version}_public": theirs}
            figures[f"hifigan_{version}_difference"] = difference(own, theirs, mel)
    rounds = timed(voices, mel, options.rounds)
    print("\n".join(table(rounds, list(voices), mel.shape[2] / MEL.frames_per_second)))
    for name in voices:
        if name != BASELINE and not name.endswith("_public"):
            figures[f"{name}_over_{BASELINE}"] = statistics.median(ratios(rounds, name, BASELINE))
    for version in VERSIONS if options.reference else ():
        found = ratios(rounds, f"hifigan_{version}", f"hifigan_{version}_public")
        figures[f"hifigan_{version}_over_public"] = statistics.median(found)
        print(f"hifigan_{version} over the public one: {_spread(found)} x as fast, samples differ by "
              f"{figures[f'hifigan_{version}_difference']:.1e} of the loudest")  # fmt: skip
    if options.json:
        print(json.dumps({name: float(f"{value:.3g}") for name, value in figures.items()}))


def ours() -> dict[str, Speak]:
    """Every published configuration that speaks mels of 22,050 Hz, by name."""
    found: dict[str, Speak] = {}
    for system, kind in SYSTEMS.items():
        if kind != "vocoder":
            continue
        record = load_system(system)
        for configuration, config in record.configurations.items():
            if configuration in record.mels:  # of another sample rate
                continue
            network = record.build(config, Inventory(mel=MEL)).eval()
            if isinstance(network, Unconditional):
                continue  # speaks no mel
            fold(network)
            found[f"{system.split('/')[1]}_{configuration}".removesuffix("_published")] = network
    return found


def public(checkout: Path, version: str) -> tuple[Speak, Speak]:
    """Ours and the public generator, with the same weights."""
    settings = SimpleNamespace(**json.loads((checkout / f"config_{version}.json").read_text(encoding="utf-8")))
    theirs = imported(checkout, "models")["models"].Generator(settings)
    theirs.remove_weight_norm()
    own = hifigan.SYSTEM.build(hifigan.SYSTEM.configurations[version], Inventory(mel=MEL))
    fold(own)
    own.load_state_dict(converted(theirs.state_dict()))
    return own.eval(), theirs.eval()


@torch.inference_mode()
def difference(one: Speak, other: Speak, mel: Tensor) -> float:
    """Largest difference of two waveforms of a mel, over the loudest sample."""
    ours, theirs = one(mel).flatten(), other(mel).flatten()
    return float((ours - theirs).abs().max() / theirs.abs().max())


@torch.inference_mode()
def timed(voices: Mapping[str, Speak], mel: Tensor, rounds: int) -> list[Round]:
    """Seconds that each took for the mel, by round."""
    short = mel[..., :WARM_UP_FRAMES]
    for speak in voices.values():
        speak(short)  # what is made on first use is made
    slow = [name for name, speak in voices.items() if _seconds(speak, short) > WARM_UP_FRAMES / MEL.frames_per_second]
    found = []
    for number in range(rounds):
        asked = [name for name in voices if number < ROUNDS_OF_THE_SLOW or name not in slow]
        found.append({name: _seconds(voices[name], mel) for name in (asked if number % 2 else asked[::-1])})
    return found


def ratios(rounds: Sequence[Round], name: str, baseline: str) -> list[float]:
    """Speed of one over that of another, in each round that both spoke in."""
    return [each[baseline] / each[name] for each in rounds if name in each and baseline in each]


def table(rounds: Sequence[Round], names: Sequence[str], seconds: float) -> list[str]:
    """Lines: name, real-time factor, and ratio with its spread."""
    lines = []
    for name in names:
        factor = statistics.median(each[name] for each in rounds if name in each) / seconds
        found = _spread(ratios(rounds, name, BASELINE))
        lines.append(f"{name:28} {factor:8.4f} s per s of speech {found} x {BASELINE}")
    return lines


def _spread(found: Sequence[float]) -> str:
    return f"{statistics.median(found):6.2f} ({min(found):.2f} to {max(found):.2f}, n = {len(found)})"


def _seconds(speak: Speak, mel: Tensor) -> float:
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    speak(mel)
    return clock() - start


if __name__ == "__main__":
    main()
