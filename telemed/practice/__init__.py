"""The practice room: a call with a robot, for everybody, at any time, far from all data."""
