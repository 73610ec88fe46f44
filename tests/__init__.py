"""The tests. What is set here holds before any of them imports NumPy."""

import os
import sys

# The workers of a run share the machine's cores among themselves. A worker with a thread for every
# core would wait for its own threads while those of the others run.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# The processes that tests start find the modules compiled, where their environment would have every
# one of them compile every module again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
