"""What analysts and harvesters get: files, catalogue, portal."""
