"""Where a mail can be sent to."""


def is_mail(text: str) -> bool:
    """True for what a mail can be sent to: somebody at some host, in ASCII."""
    # A line break in an address would add headers of the sender's choosing.
    name, _, host = text.partition("@")
    return bool(name and host) and text.count("@") == 1 and text.isprintable() and " " not in text and text.isascii()
