"""Code that tries to break releases: it reads published folders and public totals, and nothing of the builder."""
