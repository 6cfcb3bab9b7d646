"""The one phone that every alphabet shares."""

SILENCE = "sil"
"""The phone of every pause, in alignments, symbols and synthesis alike."""
