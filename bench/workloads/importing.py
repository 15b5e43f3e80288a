"""Import: CPU time and resident memory of importing what a server program imports, beyond those of a bare
interpreter. Node is left out: its `net` is part of it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from bench.peers import FOREMOST, Peer
from bench.stage import Failed, Stage
from bench.workloads import Workload

TIMES = 3
TELL = "\nimport time; print(time.process_time(), open('/proc/self/statm').read().split()[1])"
PAGE = 4096


def cost(stage: Stage, peer: Peer, statement: str) -> tuple[float, float]:
    """CPU seconds and resident bytes of an interpreter that has run the statement."""
    command = [sys.executable, "-P", "-c", statement + TELL]
    process = stage.spawn(command, stage.server_cores, peer.library, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, errors = process.communicate()
    if process.returncode != 0:
        raise Failed(errors.strip().rpartition("\n")[2])
    seconds, pages = out.split()
    return float(seconds), float(pages) * PAGE


def importing(stage: Stage, peer: Peer, workload: Workload) -> dict[str, float]:
    cost(stage, peer, peer.imports)  # writes the bytecode, if it is the first time
    pairs = [(cost(stage, peer, peer.imports), cost(stage, peer, "pass")) for _ in range(TIMES)]
    return {
        "import_cpu": statistics.median(full[0] - bare[0] for full, bare in pairs),
        "import_memory": statistics.median(full[1] - bare[1] for full, bare in pairs),
    }


WORKLOADS = [
    Workload("import", "import", "import", metrics=("import_cpu", "import_memory"), quick=FOREMOST, measure=importing)
]
