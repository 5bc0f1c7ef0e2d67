"""kill -9 of a serving process in the middle of a mixed load, and what must be there afterwards."""
