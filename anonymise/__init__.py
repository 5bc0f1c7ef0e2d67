"""k-anonymous statistics of persons: definition, partition, audit, release, portal."""
