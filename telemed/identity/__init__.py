"""Who is asking: registered systems with signed assertions, people with a console session."""
