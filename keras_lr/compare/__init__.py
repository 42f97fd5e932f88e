"""Compares policies on the user's problem: `compare_policies`, and the command `python -m keras_lr compare`."""
