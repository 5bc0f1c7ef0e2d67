"""The database as one file, and back again: what was erased since stays erased."""
