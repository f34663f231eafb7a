"""What `diagnose` costs: seconds of processor, the median of five, on the healthy run of the clinic and each fault. Prints JSON.

    python tests/benchmarks/diagnose.py
"""
import json
import statistics
import time

from minitrain.device import machine, use_threads
from minitrain.diagnose import diagnose
from minitrain.teach.clinic import FAULTS, build


def seconds(run):
    start = time.process_time()
    diagnose(*run)
    return time.process_time() - start


if __name__ == "__main__":
    use_threads(1)
    took = {name: round(statistics.median(seconds(build(**parts)) for _ in range(5)), 2)
            for name, parts in {"healthy": {}, **FAULTS}.items()}
    print(json.dumps({"seconds": took, "worst": max(took.values()), "limit": 2, "machine": str(machine())}, indent=1))
