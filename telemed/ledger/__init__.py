"""The log of accesses for those who run the platform and those who check them: listed, verified, proved, taken away."""
