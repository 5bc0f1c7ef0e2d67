"""Properties over random populations, each with a twin that removes the guard and must be caught."""
