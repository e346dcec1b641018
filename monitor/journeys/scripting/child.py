"""A process that runs scripts, one a line of JSON, each in a fresh engine.

Stands alone: it imports nothing of ours, so that a script that breaks out of its engine finds neither
settings nor secrets.
"""

import json
import re
import resource
import sys
from pathlib import Path

import py_mini_racer

SCRIPT_S = 1.0
MEMORY_BYTES = 32 * 1024 * 1024
# Of the process: what the engine overshoots its own limit by is not without end.
DATA_BYTES = 1024 * 1024 * 1024
CPU_S = 120


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES, DATA_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    shim = Path(__file__).with_name("shim.js").read_text()
    for line in sys.stdin:
        given = json.loads(line)
        sys.stdout.write(ran(shim, given) + "\n")
        sys.stdout.flush()


def ran(shim: str, given: dict[str, object]) -> str:
    """The answer as one line of JSON."""
    engine = py_mini_racer.MiniRacer()
    try:
        engine.set_hard_memory_limit(MEMORY_BYTES)
        engine.eval(shim)
        engine.eval(f"__begin({json.dumps(json.dumps(given['state']))})")
        error = ""
        try:
            # In a function, as Postman does: `return` ends a script. Its lines keep their numbers.
            engine.eval(f"(function () {{{given['script']}\n}}).call(globalThis);0", timeout_sec=SCRIPT_S)
        except py_mini_racer.JSTimeoutException:
            error = f"The script took longer than {SCRIPT_S:g} s."
        except py_mini_racer.JSOOMException:
            return json.dumps({"error": "The script needs too much memory."})
        except py_mini_racer.JSEvalException as failure:
            error = words_of(failure)
        said = engine.eval(f"__end({json.dumps(error)})", timeout_sec=SCRIPT_S)
        return str(said).replace("\n", " ")
    except py_mini_racer.JSOOMException:
        return json.dumps({"error": "The script needs too much memory."})
    except py_mini_racer.JSEvalException as failure:
        return json.dumps({"error": words_of(failure)})
    finally:
        # Without it the interpreter may hang at its end.
        engine.close()


def words_of(failure: Exception) -> str:
    """`line 3: TypeError: x is not a function`, out of the engine's many lines."""
    first = str(failure).strip().partition("\n")[0]
    place = re.match(r"<anonymous>:(\d+): ", first)
    return f"line {place[1]}: {first[place.end() :]}" if place else first


if __name__ == "__main__":
    main()
