"""Breaking the glass: one clinician, one patient, one hour, told to the patient and reviewed by somebody else."""
