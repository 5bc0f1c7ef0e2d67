"""Tests of video: pure parts with properties, the socket over a real server, calls in real browsers."""
