"""Examples in docstrings of networks/ need torch: where it is not installed, they are left out."""

from importlib.util import find_spec

NETWORKS = ["ncsolve/networks/*.py"] + [
    f"tests/test_networks_{part}.py" for part in ("architectures", "capture", "objective", "training")
]
collect_ignore_glob = [] if find_spec("torch") else NETWORKS
