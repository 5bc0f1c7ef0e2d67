"""The servers of these tests: `office` speaks the signalling, `site` has pages as well, `modules` is one with the pure modules."""

from tests.video.modules import modules
from tests.video.office import office
from tests.video.site import site
from tests.video.stage import empty, stage, trio

__all__ = ["empty", "modules", "office", "site", "stage", "trio"]
