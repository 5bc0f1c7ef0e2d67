"""The console of a clinic: today, the call beside the summary, the documentation."""
