"""The command that stands beside committed figures."""

from bench.__main__ import command_told


def test_it_is_told_as_a_reader_repeats_it_and_names_no_folder_of_one_machine():
    given = ["read", "--data", "/srv/somewhere", "--rounds", "3", "--write"]

    assert command_told(given) == "scripts/bench read --data var/bench-data --rounds 3"
    assert command_told(["ingest", "--write"]) == "scripts/bench ingest"
