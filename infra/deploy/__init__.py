"""Set-up of a machine; the scripts need nothing but the standard library."""
