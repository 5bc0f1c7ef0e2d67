"""What people are told about their appointments: mail with a calendar invitation, and a letter."""
