"""Settings, database, vault, queue, caller, problems, log, clock."""
