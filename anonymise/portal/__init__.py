"""The open data portal: serves the releases folder, knows no database and no key."""

from anonymise.portal.app import app

__all__ = ["app"]
