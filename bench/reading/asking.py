"""Asks through HTTP, one request at a time, the sizes in turn: what slows the machine slows all of them."""

import http.client
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from bench.history.kept import History
from bench.reading.questions import Question, Subjects, logs, moment, questions_about

TIMEOUT_S = 120


@dataclass(kw_only=True)
class Answered:
    ms: list[float] = field(default_factory=list)
    status: int = 0
    is_complete: bool = True


@dataclass(kw_only=True)
class Reader:
    """One connection to the product on one history, and what was heard there, by the questions' names."""

    history: History
    line: http.client.HTTPConnection
    questions: Sequence[Question] = ()
    heard: dict[str, Answered] = field(default_factory=dict)

    @classmethod
    def of(cls, history: History, address: str) -> "Reader":
        line = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT_S)
        reader = cls(history=history, line=line)
        reader.questions = questions_about(reader.subjects())
        reader.heard = {question.name: Answered() for question in reader.questions}
        return reader

    def ask(self, number: int, *, counts: bool) -> None:
        question = self.questions[number]
        answered = self.heard[question.name]
        # While the other sizes answered, the server may have closed a line that was idle; connecting anew is
        # no part of what is measured.
        self.line.close()
        self.line.connect()
        began = time.perf_counter()
        response, _ = self.get(question.path)
        ms = (time.perf_counter() - began) * 1000
        if counts:
            answered.ms.append(ms)
        answered.status = response.status
        answered.is_complete = response.getheader("X-Search-Complete") != "false"

    def get(self, path: str) -> tuple[http.client.HTTPResponse, bytes]:
        self.line.request("GET", path)
        response = self.line.getresponse()
        return response, response.read()

    def read(self, path: str) -> Any:
        response, body = self.get(path)
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}: {body[:500]!r}")
        return json.loads(body)

    def subjects(self) -> Subjects:
        newest = self.history.newest
        services = {each["name"]: each["id"] for each in self.read("/v1/services")}
        window = {"service_id": services["shop"], "since": moment(newest - timedelta(days=30))}
        groups = self.read(f"/v1/metrics?{urlencode({**window, 'group_by': 'endpoint', 'limit': 1000})}")[
            "groups"
        ]
        return Subjects(
            shop=services["shop"],
            billing=services["billing"],
            busy=groups[0]["value"],
            quiet=groups[-1]["value"],
            newest=newest,
            deep=self.read(logs(until=moment(newest - timedelta(days=15)))),
        )


def ask_all(readers: Sequence[Reader], *, rounds: int) -> None:
    """Every question of every reader, once in each round; a round before them warms the caches."""
    for turn in range(rounds + 1):
        for number in range(len(readers[0].questions)):
            for reader in readers:
                reader.ask(number, counts=turn > 0)
