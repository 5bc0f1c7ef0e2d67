"""Opening rules, absences and holidays -> Slots, a cache that can be rebuilt at any time."""
