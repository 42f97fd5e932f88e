"""Compares policies on one's own problem: `compare_policies`, and the command `python -m keras_lr compare`."""
