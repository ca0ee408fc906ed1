"""Trains the demo model: a small stock HTDemucs on synthesised songs."""
