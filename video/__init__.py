"""Live calls: rooms, signalling, the pre-call check."""
