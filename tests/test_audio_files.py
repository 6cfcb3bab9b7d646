"""Sound files of every make, whole and broken."""

import struct
import wave

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tts.audio.files import read_audio, write_wav
from tts.audio.samples import to_float, to_int16
from tts.errors import AudioError

RATE = 22050


def tone(seconds=0.5, rate=RATE, level=0.5):
    return (level * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@given(arrays(np.int16, st.integers(0, 50)))
def test_sixteen_bits_survive_the_way_to_floats_and_back(samples):
    assert np.array_equal(to_int16(to_float(samples)), samples)


def test_a_written_file_reads_as_it_was(tmp_path):
    write_wav(tmp_path / "a.wav", tone(), sample_rate=RATE)
    assert np.abs(read_audio(tmp_path / "a.wav", sample_rate=RATE) - tone()).max() < 1 / 32768
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)


def test_loud_floats_are_clipped(tmp_path):
    assert to_int16(np.array([2.0, -2.0], np.float32)).tolist() == [32767, -32768]


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        *(("wav", "PCM_U8", 0.01), ("wav", "PCM_16", 1e-4), ("wav", "PCM_24", 1e-6), ("wav", "PCM_32", 1e-6)),
        *(("wav", "FLOAT", 1e-6), ("flac", "PCM_16", 1e-4), ("flac", "PCM_24", 1e-6)),
    ],
)
def test_every_sample_format_is_converted(tmp_path, suffix, subtype, tolerance):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, tone(), RATE, subtype=subtype)
    waveform = read_audio(path, sample_rate=RATE)
    assert waveform.dtype == np.float32
    assert np.abs(waveform - tone()).max() < tolerance


def test_stereo_is_averaged(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([tone(), 0 * tone()], axis=1), RATE, subtype="FLOAT")
    assert np.abs(read_audio(tmp_path / "a.wav", sample_rate=RATE) - tone() / 2).max() < 1e-6


def test_another_rate_is_resampled(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(rate=48000), 48000, subtype="FLOAT")
    waveform = read_audio(tmp_path / "a.wav", sample_rate=RATE)
    assert len(waveform) == len(tone())
    assert np.abs(waveform - tone())[500:-500].max() < 0.01  # the ends ring


def test_a_rate_other_than_stated_is_an_error(tmp_path):
    write_wav(tmp_path / "a.wav", tone(), sample_rate=16000)
    with pytest.raises(AudioError, match="16000 Hz where the corpus states 22050"):
        read_audio(tmp_path / "a.wav", sample_rate=RATE, stated_rate=RATE)


def test_a_rate_that_cannot_be_is_an_error(tmp_path):
    write_wav(tmp_path / "a.wav", tone(), sample_rate=1)
    with pytest.raises(AudioError, match="sample rate of 1 Hz"):
        read_audio(tmp_path / "a.wav", sample_rate=RATE)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_truncated_file_is_an_error(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, RATE), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match=r"truncated|cannot be read"):
        read_audio(path, sample_rate=RATE)


def test_a_streamed_wav_without_lengths_is_read(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, tone(), sample_rate=RATE)
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(data)
    assert len(read_audio(path, sample_rate=RATE)) == len(tone())


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"this is no sound at all, only words" * 9, b"RIFF\x00\x00\x00\x00WAVEfmt "]
)
def test_what_is_not_audio_is_an_error_in_one_line(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=r"a\.wav") as error:
        read_audio(tmp_path / "a.wav", sample_rate=RATE)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(AudioError, match="does not exist"):
        read_audio(tmp_path / "a.wav", sample_rate=RATE)


def test_a_file_without_samples_is_an_error(tmp_path):
    write_wav(tmp_path / "a.wav", tone(0), sample_rate=RATE)
    with pytest.raises(AudioError, match="holds no samples"):
        read_audio(tmp_path / "a.wav", sample_rate=RATE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_numbers_are_refused(tmp_path, value):
    broken = tone()
    broken[7] = value
    with pytest.raises(AudioError, match="NaN"):
        write_wav(tmp_path / "a.wav", broken, sample_rate=RATE)
    soundfile.write(tmp_path / "b.wav", broken, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN"):
        read_audio(tmp_path / "b.wav", sample_rate=RATE)
