"""Live calls: rooms, signalling, the pre-call check and the browser modules."""

from pathlib import Path

#: The folder of the browser's ES modules; the application serves it as static files.
WEB = Path(__file__).parent / "web"
