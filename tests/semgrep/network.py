"""What the rules of network.yaml find, and what they leave alone. Never run: `semgrep test` reads it."""

# ruleid: other-way-out
import httpx

# ruleid: other-way-out
import requests

# ok: other-way-out
from infra.outgoing import Outgoing

# ruleid: other-way-out
from urllib.request import urlopen

# ok: other-way-out
from urllib.parse import urlsplit

# ruleid: redirect-followed
client.get(url, follow_redirects=True)
# ok: redirect-followed
client.get(url, follow_redirects=False)
# ok: redirect-followed
client.get(url)

# ruleid: environment-proxy
httpx.AsyncClient(timeout=5)
# ok: environment-proxy
httpx.AsyncClient(timeout=5, trust_env=False)
