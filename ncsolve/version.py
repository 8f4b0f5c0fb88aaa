"""The version of the package, which result files and their readers name."""

__version__ = "0.1.0"
