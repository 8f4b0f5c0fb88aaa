"""Search for deep cross-entropy minimizers: low-rank starts, frames, and the race between them."""
