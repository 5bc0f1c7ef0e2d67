"""Search: which values are indexed, how a query is read, and the exact check after decryption."""
