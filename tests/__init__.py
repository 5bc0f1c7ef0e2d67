"""Tests mirror the code; flows/ use real servers and browsers."""
