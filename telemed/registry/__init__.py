"""Who takes part: clinics, their clinicians and their systems, registered by an operator."""
