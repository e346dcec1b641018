"""A module for each kind of channel."""
