"""Copies of the database in one file: made while the service runs, put back while it does not. Keys are never in them."""
