"""End-to-end systems: phones to waveform, one system a file."""
