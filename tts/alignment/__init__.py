"""Phones in time: the embedded aligner, durations in frames, and how good an alignment is."""
