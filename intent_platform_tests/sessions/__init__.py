"""Tests of the feeds and of the contract that sessions are held to."""
