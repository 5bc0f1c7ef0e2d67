"""Clients that others wrote, against a real server with a real token."""
