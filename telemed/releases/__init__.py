"""The release board's screen: drafts with their audit, two approvals, publication, withdrawal."""
