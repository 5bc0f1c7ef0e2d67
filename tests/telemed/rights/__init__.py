"""Tests of what the clinic answers to the rights of patients."""
