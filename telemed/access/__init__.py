"""Who may see and do what: one table, one rule, and the grants that open a patient's record to another clinic."""
