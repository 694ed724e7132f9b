"""The real webserver and daemon, driven as the UI drives them."""
