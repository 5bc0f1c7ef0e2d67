"""Statistics: definition, extraction, partition, screen, release."""
