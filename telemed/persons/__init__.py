"""One person behind several Patients: matches, merges within a clinic, links between clinics, all of it reversible."""
