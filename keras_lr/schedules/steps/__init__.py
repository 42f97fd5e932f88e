"""The index of the update, and exact arithmetic on it."""
