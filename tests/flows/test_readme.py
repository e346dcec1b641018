"""The README's five minutes: each of its shell lines, as pasted, against a fresh `scripts/up`."""

import json
import re
import subprocess
from pathlib import Path

from tests.installation import ROOT, Started

SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_shell_line_of_the_readme_works_as_pasted(data_dir: Path, free_port: int):
    blocks = SHELL_BLOCK.findall((ROOT / "README.md").read_text())
    # The port is the one thing a reader may change, and curl is told to fail on an error answer.
    script = "\necho; echo =====\n".join(blocks).replace("127.0.0.1:8090", f"127.0.0.1:{free_port}")
    script = re.sub(r"\bcurl -s\b", "curl -sS --fail-with-body", script)
    installation = Started(data_dir, free_port)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60
    )
    installation.stop()

    assert done.returncode == 0, done.stdout + done.stderr
    answers = [answer.strip() for answer in done.stdout.split("=====")]
    names = ("service", "key", "log", "batch", "found", "measured", "events", "replay", "page")
    said = dict(zip(names, answers, strict=True))
    assert json.loads(said["log"])["url"].endswith("/health?token=***MASKED***")
    assert json.loads(said["batch"])["accepted"] == 2
    assert [log["error"] for log in json.loads(said["found"])] == ["card declined"]
    assert json.loads(said["measured"])["total_requests"] == 3
    assert "latency_ms 1200" in said["events"].splitlines()[-1]
    replay = json.loads(said["replay"])
    assert (replay["status"], replay["status_code"]) == ("success", 200)
    assert replay["omitted_params"] == ["token"]
    assert len(json.loads(said["page"])["groups"][0]["monitors"]) == 1
