"""Waveforms in, frames out: files, spectrograms, prosody."""
