"""Who speaks: vectors that are near each other where voices are alike."""
