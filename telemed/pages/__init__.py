"""The pages a patient sees, and what all pages share: templates, texts, styles, security headers."""
