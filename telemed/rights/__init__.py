"""What the clinic answers when patients use their rights (Art. 15 to 18 GDPR): requests, restriction, records taken out."""
