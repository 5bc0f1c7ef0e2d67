"""The open data portal: serves the releases folder, knows no database and no key."""
