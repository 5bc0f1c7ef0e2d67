"""The log that can prove itself: its rows are leaves of a hash tree whose root is signed, again and again.

Requests write plain rows (`fhir.audit`) and know nothing of this room. README.md, "a log that can prove itself".
"""
