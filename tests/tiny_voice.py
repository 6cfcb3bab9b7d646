"""A corpus of tones with all its features, and an untrained voice for it, made in a second."""

import json

import numpy as np
import torch

from tts.acoustic import fastspeech2
from tts.audio.mel_definition import MelDefinition
from tts.audio.prosody import PitchSettings, f0
from tts.audio.samples import to_float, to_int16
from tts.audio.spectrogram import frame_energy, magnitude, mel_from_magnitude
from tts.config import build, to_plain
from tts.data.shards import layout, write_shards
from tts.data.tables import MANIFEST, MEL, PHONES, PROSODY, QUALITY, UTTERANCES, read_table, write_table
from tts.interfaces import Inventory, Statistics
from tts.text.frontend import PAUSE, Word
from tts.training.export import export_model
from tts.vocoders import griffin_lim

MEL_DEFINITION = MelDefinition(
    sample_rate=22050, n_fft=1024, hop_length=256, win_length=1024, n_mels=80, f_min=0.0, f_max=8000.0
)
PITCH = PitchSettings()
SPEAKERS, STYLES, SYMBOLS = ("ann", "bob"), ("calm", "loud"), ("a", "b", "c", "d", "e", "h", "l", "o", "sil", "w")
TEXTS = ("hello", "bad cab", "ace, bee", "old", "cold", "a bold cab")
INVENTORY = Inventory(
    mel=MEL_DEFINITION,
    symbols=SYMBOLS,
    speakers=SPEAKERS,
    styles=STYLES,
    statistics=Statistics(
        pitch_mean=dict.fromkeys(SPEAKERS, 5.0),
        pitch_std=dict.fromkeys(SPEAKERS, 0.2),
        energy_mean=3.0,
        energy_std=1.0,
        mel_mean=-6.0,
        mel_std=2.0,
    ),
)


class Letters:
    """A front end whose phones are letters."""

    def normalize(self, text, language):
        return text.lower()

    def pronounce(self, texts, language):
        return [tuple(word for each in text.replace(",", " , ").split() for word in self._word(each)) for text in texts]

    def _word(self, text):
        return [PAUSE] if text == "," else [Word(text, tuple(each for each in text if each.isalpha()))]


def tone(seconds, *, hz, seed):
    """Harmonics over a little noise, silent at both ends."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * 22050)) / 22050
    loud = (time > 0.1) & (time < seconds - 0.1)
    harmonics = sum(np.sin(2 * np.pi * k * hz * time) / k for k in range(1, 12))
    return (0.1 * harmonics * loud + 0.002 * rng.normal(size=len(time))).astype(np.float32)


def write_corpus(paths, name):
    """Fill data/corpus/<name> and data/features/<name> with one clip for each text, half of them test clips."""
    texts = {f"{SPEAKERS[i % 2]}-{i:03d}": text for i, text in enumerate(TEXTS)}
    waveforms = {
        each: to_float(to_int16(tone(1.15 + 0.1 * i, hz=110 + 30 * i, seed=i))) for i, each in enumerate(texts)
    }
    for folder in (paths.corpus(name), paths.mel(name), paths.prosody(name), paths.index(name)):
        folder.mkdir(parents=True)
    arrays = {each: _arrays(waveform, texts[each]) for each, waveform in waveforms.items()}
    shards = {each: number % 2 for number, each in enumerate(sorted(arrays))}
    places = {
        kind: layout({each: len(a[kind]) for each, a in arrays.items()}, shards) for kind in next(iter(arrays.values()))
    }
    homes = {"audio": paths.corpus(name), "mel": paths.mel(name)}
    for kind in places:
        lengths = {each: len(a[kind]) for each, a in arrays.items()}
        like = next(iter(arrays.values()))[kind][:0]
        home = homes.get(kind, paths.prosody(name))
        write_shards(home, kind, lengths, lambda each, kind=kind: arrays[each][kind], shards=shards, like=like)
    rows = [_row(each, texts[each], i, arrays[each], places) for i, each in enumerate(sorted(texts))]
    _write_tables(paths, name, rows)


def _arrays(waveform, text):
    magnitudes = magnitude(torch.from_numpy(waveform)[None], MEL_DEFINITION)
    mel = mel_from_magnitude(magnitudes, MEL_DEFINITION)[0].T.numpy()
    (words,) = Letters().pronounce([text], "en")
    count = len(_phones(words))
    durations = np.diff(np.linspace(0, len(mel), count + 1).astype(int)).astype(np.int32)
    zeros = np.zeros(count, np.float32)
    return {
        "audio": to_int16(waveform),
        "mel": mel,
        "durations": durations,
        "pitch_phone": zeros,
        "energy_phone": zeros,
        "pitch": f0(waveform, MEL_DEFINITION, PITCH),
        "energy": frame_energy(magnitudes)[0].numpy(),
    }


def _phones(words):
    from tts.text.frontend import speakable

    return speakable(words)


def _row(name, text, number, arrays, places):
    (words,) = Letters().pronounce([text], "en")
    phones = list(_phones(words))
    return {
        "utterance_id": name,
        "split": "test" if number % 2 else "train",
        "speaker": name.split("-")[0],
        "language": "en",
        "style": STYLES[number // 2 % 2],
        "text": text,
        "normalized_text": text,
        "phones": phones,
        "num_phones": len(phones),
        "num_frames": len(arrays["mel"]),
        "num_samples": len(arrays["audio"]),
        "shard": places["audio"][name][0],
        "audio_offset": places["audio"][name][1],
        "mel_offset": places["mel"][name][1],
        "phone_offset": places["durations"][name][1],
        "frame_offset": places["pitch"][name][1],
    }


def _write_tables(paths, name, rows):
    manifest = [
        {**{key: row[key] for key in MANIFEST.names if key in row}, "offset": row["audio_offset"]}
        | {"sample_rate": 22050, "audio_sha256": ""}
        for row in rows
    ]
    write_table(paths.corpus(name) / "manifest.parquet", manifest, MANIFEST)
    mel = [{key: row["mel_offset" if key == "offset" else key] for key in MEL.names} for row in rows]
    definition = {"mel_definition": json.dumps(to_plain(MEL_DEFINITION))}
    write_table(paths.mel(name) / "mel.parquet", mel, MEL, metadata=definition)
    prosody = [{key: row[key] for key in PROSODY.names} for row in rows]
    pitch = {"pitch": json.dumps(dict.fromkeys(SPEAKERS, to_plain(PITCH)))}
    write_table(paths.prosody(name) / "prosody.parquet", prosody, PROSODY, metadata=pitch)
    write_table(paths.index(name) / "utterances.parquet", rows, UTTERANCES)


def write_alignments(paths, name, *, likelihoods=True):
    """Fill data/alignments/<name> with phones of equal lengths; the first clip is odd, the third unlikely."""
    folder = paths.alignments(name)
    folder.mkdir(parents=True)
    manifest = read_table(paths.corpus(name) / "manifest.parquet")
    phones, quality = [], []
    for number, row in enumerate(manifest):
        seconds = row["num_samples"] / row["sample_rate"]
        (words,) = Letters().pronounce([row["text"]], "en")
        phones += _phone_rows(row["utterance_id"], words, seconds)
        likelihood = -9.0 if number == 2 else -7.0 - number / 10
        quality.append(
            {
                "utterance_id": row["utterance_id"],
                "log_likelihood_per_frame": likelihood if likelihoods else None,
                "outlier_phones": 4 if number == 0 else 0,
                "silence_share": number / 10,
                "seconds": seconds,
                "suspicion": "<long> pause" if number == 2 else "",
            }
        )
    write_table(folder / "phones.parquet", phones, PHONES)
    write_table(folder / "quality.parquet", quality, QUALITY)


def _phone_rows(name, words, seconds):
    """Silence, the letters of the words, and silence."""
    labels = [("sil", ""), *((phone, word.text) for word in words for phone in word.phones), ("sil", "")]
    times = np.linspace(0, seconds, len(labels) + 1).tolist()
    return [
        {
            "utterance_id": name,
            "position": position,
            "phone": phone,
            "start_seconds": times[position],
            "end_seconds": times[position + 1],
            "word": word,
        }
        for position, (phone, word) in enumerate(labels)
    ]


def write_models(acoustic, vocoder, *, inventory=INVENTORY, vocoder_inventory=None):
    """Export an untrained FastSpeech 2 and Griffin-Lim."""
    stack = {"layers": 1, "heads": 1, "filter": 16, "kernels": [3, 1]}
    small = {"hidden": 16, "encoder": stack, "decoder": stack}
    config = build(fastspeech2.Config, small, where="test")
    torch.manual_seed(0)
    quick = griffin_lim.Config(iterations=4)
    vocoder_inventory = vocoder_inventory or Inventory(mel=inventory.mel)
    for folder, system, settings, record, known in (
        (acoustic, "acoustic/fastspeech2", config, fastspeech2.SYSTEM, inventory),
        (vocoder, "vocoders/griffin_lim", quick, griffin_lim.SYSTEM, vocoder_inventory),
    ):
        folder.mkdir(parents=True)
        network = record.build(settings, known)
        _speak_slowly(network)
        export_model(folder, network, system=system, model=to_plain(settings), inventory=known, training={})


def _speak_slowly(network):
    """Untrained phones last no frame; let them last about six."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith("variance.durations") and name.endswith("bias") and parameter.numel() == 1:
                parameter.fill_(2.0)
