"""Predicted global minimizers: reduction, scalar problem, factors, theorems."""
