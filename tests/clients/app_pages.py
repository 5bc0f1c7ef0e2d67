"""A browser app as its makers deploy it: two static pages and fhirclient.js, on an origin of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from typing import Final

LAUNCH: Final = Template(
    """<!doctype html><meta charset="utf-8"><title>launching</title><script src="/fhir-client.js"></script>
<script>FHIR.oauth2.authorize({clientId: "$client", scope: "$scope", redirectUri: "$base/app.html", iss: "$iss"})
.catch(error => { document.title = "failed"; document.body.textContent = String(error); });</script>"""
)
APP: Final = """<!doctype html><meta charset="utf-8"><title>waiting</title><script src="/fhir-client.js"></script>
<body><script>FHIR.oauth2.ready().then(async client => {
  const patient = await client.patient.read();
  const found = await client.request("Observation?patient=" + client.patient.id);
  await client.refresh();
  const again = await client.request("Patient/" + client.patient.id);
  document.body.textContent = JSON.stringify({id: patient.id, found: found.total, again: again.id,
    user: client.user.fhirUser, kind: client.user.resourceType});
  document.title = "ready";
}).catch(error => { document.title = "failed"; document.body.textContent = String(error); });</script>"""


@contextmanager
def app_pages(library: Path, port: int, *, client: str, scope: str, iss: str) -> Iterator[str]:
    """The address of the app while the block runs."""
    base = f"http://localhost:{port}"
    pages = {
        "/launch.html": ("text/html", LAUNCH.substitute(client=client, scope=scope, base=base, iss=iss).encode()),
        "/app.html": ("text/html", APP.encode()),
        "/fhir-client.js": ("text/javascript", library.read_bytes()),
    }

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """One of the three."""
            kind, body = pages.get(self.path.partition("?")[0], ("text/plain", b""))
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_arguments: object) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield base
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
