"""Compose file, Dockerfile, .env.example and settings say the same things."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands
from django.urls import resolve

from apimonitor import settings as product_settings

ROOT = Path(settings.BASE_DIR)
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
DOCKERFILE = (ROOT / "Dockerfile").read_text()
APP_SERVICES = ("web", "worker", "deliver", "prober")
# Read by the image of the database, not by us.
DATABASE_IMAGE_VARIABLES = {"POSTGRES_PASSWORD"}


def read_variables() -> set[str]:
    """Every environment variable that settings and commands read through apimonitor.env."""
    sources = [ROOT / "apimonitor" / "settings.py", *(ROOT / "monitor" / "management").rglob("*.py")]
    text = "\n".join(path.read_text() for path in sources)
    readers = "text|flag|integer|choice|words|path|origins?|mail_server"
    names = re.findall(rf'env\.(?:{readers})\(\s*"([A-Z_]+)"', text)
    return {*names, settings.DATABASE_URL_NAME}


def example_lines() -> list[str]:
    return (ROOT / ".env.example").read_text().splitlines()


def example_variables() -> dict[str, str]:
    matches = (re.fullmatch(r"(?:# )?([A-Z][A-Z_]+)=(.*)", line) for line in example_lines())
    return {match[1]: match[2] for match in matches if match}


def command_of(service: str) -> list[str]:
    """The words of a service's command, with those of `sh -c` taken apart."""
    words = shlex.split(COMPOSE["services"][service]["command"])
    return shlex.split(words[2]) if words[:2] == ["sh", "-c"] else words


def management_commands(words: list[str]) -> list[str]:
    return [words[place + 1] for place, word in enumerate(words) if word == "manage.py"]


def dockerfile_defaults() -> dict[str, str]:
    [line] = re.findall(r"^ENV (.+)$", DOCKERFILE, re.MULTILINE)
    return dict(pair.split("=", 1) for pair in line.split())


def test_the_example_lists_every_setting_and_no_other():
    assert set(example_variables()) == read_variables() | DATABASE_IMAGE_VARIABLES


def test_the_example_explains_every_setting_in_the_line_above_or_shares_its_neighbours_line():
    lines = example_lines()

    for place, line in enumerate(lines):
        if re.fullmatch(r"(?:# )?[A-Z][A-Z_]+=.*", line):
            assert lines[place - 1].startswith("# "), line


def test_the_example_shows_the_defaults_that_the_settings_have():
    shown = {name: value for name, value in example_variables().items() if value.isdigit()}

    # Those of the product: the tests' own lift the limits.
    assert {name: str(getattr(product_settings, name)) for name in shown} == shown


def test_the_example_holds_no_secret():
    examples = example_variables()

    assert [examples[name] for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "ADMIN_PASSWORD")] == ["", "", ""]


@pytest.mark.parametrize("service", APP_SERVICES)
def test_compose_sets_only_variables_that_are_read(service: str):
    assert set(COMPOSE["services"][service]["environment"]) <= read_variables()


def test_compose_takes_only_variables_that_the_example_lists():
    assert set(re.findall(r"\$\{([A-Z_]+)", COMPOSE_TEXT)) <= set(example_variables())


@pytest.mark.parametrize("name", ["SECRET_KEY", "POSTGRES_PASSWORD"])
def test_compose_stops_by_name_when_a_secret_is_missing(name: str):
    uses = re.findall(rf"\$\{{{name}(.{{2}})", COMPOSE_TEXT)

    assert uses
    assert set(uses) == {":?"}


def test_the_dockerfile_sets_only_variables_that_are_read():
    of_python_and_shell = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}

    assert set(dockerfile_defaults()) - of_python_and_shell <= read_variables()


def test_the_image_keeps_no_secret():
    kept = re.findall(r"^(?:ENV|ARG) .*", DOCKERFILE, re.MULTILINE)

    assert not [line for line in kept if re.search("SECRET|PASSWORD|DATABASE_URL", line)]


def test_the_image_runs_as_an_ordinary_user_from_then_on():
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)

    assert users == ["10001"]
    assert DOCKERFILE.index("\nUSER ") > DOCKERFILE.rindex("\nRUN ")


def test_the_ports_agree():
    port = str(settings.PORT)
    web = COMPOSE["services"]["web"]

    assert web["ports"] == [f"{port}:{port}"]
    assert web["environment"]["PORT"] == dockerfile_defaults()["PORT"] == port
    assert re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE) == [port]
    assert f"http://127.0.0.1:{port}/" in DOCKERFILE


def test_the_web_process_is_reachable_from_outside_its_container_and_closed_to_strangers():
    environment = COMPOSE["services"]["web"]["environment"]

    assert environment["BIND"] == dockerfile_defaults()["BIND"] == "0.0.0.0"  # noqa: S104
    assert environment["ANONYMOUS_ACCESS"] == "${ANONYMOUS_ACCESS:-none}"


def test_the_health_check_asks_a_route_that_exists_for_a_host_that_is_answered():
    [(host, path)] = re.findall(r"urlopen\('http://([\d.]+):\d+(/\w+)'", DOCKERFILE)

    assert resolve(path).func.__name__ == "health"
    assert COMPOSE["services"]["web"]["environment"]["ALLOWED_HOSTS"].startswith(f"{host},")


@pytest.mark.parametrize("service", APP_SERVICES)
def test_every_management_command_that_compose_runs_exists(service: str):
    assert set(management_commands(command_of(service))) <= set(get_commands())


def test_compose_serves_as_the_image_does():
    [words] = re.findall(r"^CMD \[(.+)\]$", DOCKERFILE, re.MULTILINE)
    serve = [word.strip().strip('"') for word in words.split(",")]

    assert command_of("web")[-len(serve) :] == serve


@pytest.mark.parametrize("service", ["worker", "deliver", "prober"])
def test_the_quick_start_runs_the_same_background_processes_as_compose(service: str):
    source = (ROOT / "apimonitor" / "supervisor" / "up.py").read_text()
    words = ", ".join(f'"{word}"' for word in command_of(service)[1:])

    assert words in source


def test_the_database_keeps_its_data_where_its_image_looks_for_it():
    database: dict[str, Any] = COMPOSE["services"]["db"]

    assert database["image"] == "postgres:18-alpine"
    assert database["volumes"] == ["database:/var/lib/postgresql"]
    assert "database" in COMPOSE["volumes"]
    assert "pg_isready" in database["healthcheck"]["test"]


def test_all_that_the_image_copies_is_let_through_to_the_build():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}

    assert {name for line in copied for name in line.split()} == let_through
