"""The database's revisions, applied by `telemed migrate`."""
