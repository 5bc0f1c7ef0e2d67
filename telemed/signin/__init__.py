"""How clinicians sign in and confirm that it is them: passkeys and recovery codes, or the house's own OpenID Connect."""
