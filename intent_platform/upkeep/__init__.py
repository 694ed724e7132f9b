"""Work on the home as a whole: backups, and forgetting a visitor. No run needs it."""
