"""Mel to waveform, one system a file."""
