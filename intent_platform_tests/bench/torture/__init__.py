"""The torture suite notices what it looks for."""
