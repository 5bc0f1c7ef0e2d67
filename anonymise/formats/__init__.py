"""One file per format that a release is written in; the same numbers in each."""
