"""Measurements of the product beside the same work without it; `python -m tests.bench`, see README.md."""
