"""The kinds, a module each."""
