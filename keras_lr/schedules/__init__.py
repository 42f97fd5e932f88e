"""What computes a value from the index of the update, in the graph."""
