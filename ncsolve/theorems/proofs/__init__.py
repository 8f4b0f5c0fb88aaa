"""Symbolic pieces that several theorems' derivations share; all of it needs sympy, so it is imported only by `derive`."""
