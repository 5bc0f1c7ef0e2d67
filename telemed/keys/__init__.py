"""The operator's keys: their state, rotation, and the erasure of one patient's record."""
