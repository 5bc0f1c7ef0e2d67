"""The platform: people, appointments, consultations, access, pages, wiring."""
