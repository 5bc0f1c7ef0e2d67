"""How long proofs of identity live. Real time always: a demo clock must not stretch them."""

from datetime import timedelta

# SMART Backend Services 1.0: an assertion expires at most five minutes ahead, a token lives at most five minutes.
ASSERTION_AHEAD = timedelta(minutes=5)
ACCESS_TOKEN = timedelta(minutes=5)
# Clocks of clinics differ; a minute either way is what RFC 7523 calls "a few minutes" at most.
LEEWAY = timedelta(seconds=60)

# A verified token is believed again without a second look for this long (never beyond its own end).
TOKEN_CACHE = timedelta(seconds=60)

# Signing keys: a new one every 30 days. Each is published long before it signs by being made a day ahead.
SIGNING_KEY = timedelta(days=30)
SIGNING_KEY_AHEAD = timedelta(days=1)

# A console left alone locks after half an hour; nobody stays signed in over two shifts.
CONSOLE_IDLE = timedelta(minutes=30)
CONSOLE_ABSOLUTE = timedelta(hours=12)
# What breaks glass, takes data out or touches keys asks for a verification of the user not older than this.
STEP_UP = timedelta(minutes=5)
# A sign-in page left open; an invitation on its way to a new colleague.
CHALLENGE = timedelta(minutes=5)
INVITATION = timedelta(hours=24)
# Activity is noted at most this often, so that looking around does not write with every click.
CONSOLE_NOTED = timedelta(seconds=60)

# RFC 6749 4.1.2 allows ten minutes for a code; a browser needs a moment.
CODE = timedelta(seconds=60)
# A shift: left alone for one, or after half a day in any case, people are asked again.
REFRESH_IDLE = timedelta(hours=8)
REFRESH_ABSOLUTE = timedelta(hours=12)
# From the click in the console until the app asks for its authorisation.
LAUNCH = timedelta(minutes=5)
# What is looked up about a token (is the client on, who is the person today, was it taken back) is believed so long.
STANDING = timedelta(seconds=10)
ID_TOKEN = timedelta(minutes=5)
