"""What the rules of logs.yaml find, and what they leave alone. Never run: `semgrep test` reads it."""

# ruleid: secret-logged
log.info("signed_in", token=sent)
# ruleid: secret-logged
log.info("refused", kind=patient.birth_date)
# ruleid: secret-logged
log.warning("unreadable", state=request.body())
# ruleid: secret-logged
log.error("failed", error=str(error))
# ok: secret-logged
log.error("failed", error=type(error).__name__)
# ok: secret-logged
log.info("token_refused", error="invalid_client")

# ruleid: sentence-logged
log.info(f"signed in {name}")
# ruleid: sentence-logged
log.exception("failed")
# ruleid: sentence-logged
log.error("failed", exc_info=True)
# ok: sentence-logged
log.info("signed_in", role=role)

# ruleid: printed
print(sent)
# ok: printed
typer.echo(told)
