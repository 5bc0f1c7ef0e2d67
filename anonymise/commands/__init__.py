"""The commands: one function each, read from top to bottom. Each says the same to people and, with `--json`, to programs."""
