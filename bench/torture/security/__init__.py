"""What an attacker looks for: secrets in what the platform writes or shows, files for others, and pickles."""
