"""Patches: changes to a resource that leave every byte alone that they do not name."""
