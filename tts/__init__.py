"""The speech library: text, audio, corpora, alignment, models, training, metrics and synthesis."""
