"""What the rules of tokens.yaml find, and what they leave alone. Never run: `semgrep test` reads it."""

# ruleid: algorithms-left-open
jwt.decode(sent, key)
# ruleid: algorithms-left-open
jws.deserialize_compact(sent, key)
# ok: algorithms-left-open
jwt.decode(sent, key, algorithms=["ES384"])
# ok: algorithms-left-open
jws.deserialize_compact(sent, key, registry=registry)
# ok: algorithms-left-open
msgspec.json.decode(sent)

# ruleid: algorithm-none
jwt.decode(sent, key, algorithms=["ES384", "none"])
# ruleid: algorithm-none
header = {"typ": "JWT", "alg": "none"}
# ok: algorithm-none
jwt.decode(sent, key, algorithms=["ES384"])

# ruleid: key-none, algorithms-left-open
jwt.decode(sent, None)
# ruleid: key-none
jwt.decode(sent, key=None, algorithms=["ES384"])
# ok: key-none
jwt.decode(sent, key=key, algorithms=["ES384"])

# ruleid: certificate-unchecked
httpx.get(url, verify=False)
# ruleid: certificate-unchecked
context.verify_mode = ssl.CERT_NONE
# ruleid: certificate-unchecked
context.check_hostname = False
# ok: certificate-unchecked
httpx.get(url, verify=context)

# ruleid: guessable-secret
code = random.choice(letters)
# ruleid: guessable-secret
made = uuid.uuid1()
# ok: guessable-secret
code = secrets.choice(letters)

# ruleid: secret-compared-in-steps
if row.token_hash == sent:
    admit()
# ruleid: secret-compared-in-steps
if mac != sent:
    refuse()
# ok: secret-compared-in-steps
if hmac.compare_digest(mac, sent):
    admit()
