"""The verifiers of docs/webhooks.md in other languages, run as they stand there."""

import base64
import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from django.conf import settings

from monitor.webhooks.signing import make_secret, signature_headers

PAGE = (Path(settings.BASE_DIR) / "docs" / "webhooks.md").read_text()
BODY = '{"id": "evt_1", "data": {"name": "Zoë"}}'.encode()
# Each reads cases from a file and writes, a line each, what became of them.
NODE = """
import { readFileSync } from "node:fs";
import { verify } from "./verify.mjs";
for (const each of JSON.parse(readFileSync("cases.json"))) {
  try {
    verify(each.secret, each.headers, Buffer.from(each.body, "base64"));
    console.log("ok");
  } catch (error) {
    console.log(error.message);
  }
}
"""
GO = """
package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"
)

func TestCases(t *testing.T) {
	var cases []struct {
		Secret  string
		Headers map[string]string
		Body    []byte
	}
	text, _ := os.ReadFile("cases.json")
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, each := range cases {
		headers := http.Header{}
		for name, value := range each.Headers {
			headers.Set(name, value)
		}
		if err := Verify(each.Secret, headers, each.Body); err != nil {
			fmt.Println(err)
		} else {
			fmt.Println("ok")
		}
	}
}
"""


def example(language: str, holding: str) -> str:
    [source] = [
        block for block in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if holding in block
    ]
    return source


def run_node(folder: Path) -> list[str]:
    (folder / "verify.mjs").write_text(example("js", "export function verify"))
    (folder / "run.mjs").write_text(NODE)
    return lines_of(["node", "run.mjs"], folder)


def run_go(folder: Path) -> list[str]:
    (folder / "go.mod").write_text("module webhook\n\ngo 1.19\n")
    (folder / "verify.go").write_text(example("go", "func Verify"))
    (folder / "verify_test.go").write_text(GO)
    said = lines_of(["go", "test", "-vet=off", "-count=1", "-v", "./..."], folder)
    return [line for line in said if not re.match(r"(=== |--- |PASS|ok\s+webhook)", line)]


def lines_of(command: list[str], folder: Path) -> list[str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


RUNNERS = {"node": run_node, "go": run_go}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("language", [name for name in RUNNERS if shutil.which(name)])
def test_an_example_accepts_what_we_sign_and_nothing_else(tmp_path, language):
    secret, old, now = make_secret(), make_secret(), int(time.time())
    good = dict(signature_headers("evt_1", BODY, timestamp=now, secrets=[secret, old]))
    old_ones = dict(signature_headers("evt_1", BODY, timestamp=now - 400, secrets=[secret]))
    cases = [
        ("ours", secret, good, BODY, "ok"),
        ("by the secret before", old, good, BODY, "ok"),
        ("changed on the way", secret, good, BODY + b" ", "wrong signature"),
        ("of another secret", make_secret(), good, BODY, "wrong signature"),
        ("of another message", secret, good | {"webhook-id": "evt_2"}, BODY, "wrong signature"),
        ("too old", secret, old_ones, BODY, "too old"),
        ("unsigned", secret, good | {"webhook-signature": "v1,"}, BODY, "wrong signature"),
        ("of another kind", secret, good | {"webhook-signature": "v1a,abc"}, BODY, "wrong signature"),
    ]
    told = [
        {"secret": secret, "headers": headers, "body": base64.b64encode(body).decode()}
        for _, secret, headers, body, _ in cases
    ]
    (tmp_path / "cases.json").write_text(json.dumps(told))

    said = RUNNERS[language](tmp_path)

    stories = [story for story, *_ in cases]
    assert dict(zip(stories, said, strict=True)) == {story: expected for story, *_, expected in cases}


def test_an_example_is_run_for_every_language_of_the_page():
    assert set(re.findall(r"^```(python|js|go)$", PAGE, re.MULTILINE)) == {"python", "js", "go"}
