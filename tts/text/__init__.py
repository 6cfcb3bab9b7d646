"""Text to phones: normalization, pronunciation, and the front ends that join them."""
