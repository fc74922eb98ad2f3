"""Whether the tests run at the scale of `make soak`: more kills, more faults, and more random examples."""

import os

SOAK = bool(os.environ.get("CHARLM_SOAK"))
