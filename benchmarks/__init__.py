"""Benchmarks: every speed promise as a ratio against a primitive or a peer, measured in one run."""
