"""The servers of these tests: `office` speaks the signalling, `site` has pages as well."""

from tests.video.office import office
from tests.video.site import site

__all__ = ["office", "site"]
