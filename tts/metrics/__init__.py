"""Measures of synthesized speech, one family a file; each says what it is, its unit and its source."""
