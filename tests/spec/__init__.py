"""Publication rules as small tables: what goes in, what comes out."""
