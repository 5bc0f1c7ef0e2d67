"""What patients do with their own record, without an account: by a letter's code and a PIN (`/my`)."""
