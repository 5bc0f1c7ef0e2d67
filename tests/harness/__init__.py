"""Tests of the tests: that the real parts are real."""
