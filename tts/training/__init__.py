"""Training: one loop, two tasks, and a state from which a killed run goes on to the same bits."""
