"""Booking appointments: `$find`, `$hold`, `$book`, `$cancel` and the hook that no way of writing one can avoid."""
