"""Video visits from the link to the end: join codes, the birth date as second factor, sessions for one appointment."""
