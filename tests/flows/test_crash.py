"""What was acknowledged survives: load runs while web and PostgreSQL are killed with -9.

`scripts/soak` does it for longer.
"""

import time
from pathlib import Path

from tests.flows.kills import kill_all
from tests.flows.load import begin_load, what_became_of
from tests.installation import Started

KILLS = 3
RUN_S = 4


def test_every_acknowledged_log_is_there_once_after_kills_of_web_and_database(data_dir: Path, free_port: int):
    installation = Started(data_dir, free_port)
    load = begin_load(installation.address)

    with load.running():
        for _ in range(KILLS):
            time.sleep(RUN_S)
            assert kill_all(installation.process.pid, "gunicorn")
            time.sleep(RUN_S)
            assert kill_all(installation.process.pid, "postgres")
        time.sleep(RUN_S)
    fate = what_became_of(load)
    code = installation.stop()

    assert fate.acknowledged > 100
    assert (fate.lost, fate.doubled) == ([], [])
    assert fate.counted == fate.kept
    # While the database is away senders are told to come back; nothing else goes wrong.
    assert set(load.refused) <= {503}
    assert code == 0
