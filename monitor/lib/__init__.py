"""Tools that know none of our tables: pure functions, and the one door to the outside."""
