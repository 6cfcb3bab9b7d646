"""What may be wrong with recordings and transcripts, found before hours are spent on them."""
