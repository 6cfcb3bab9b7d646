"""Public checkpoints as models of ours: one module per layout, which says what it recognises and how it is read."""
