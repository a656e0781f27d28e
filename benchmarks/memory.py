# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Peak memory of a call.

`python -m benchmarks.memory CASE CONTENDER` prints that of a first call, in MB.
"""

import ctypes
import re
import subprocess
import sys
from typing import Any, Callable, Optional

# TensorFlow's allocator keeps what it has once had, for all later sessions of
# the process, so only the first one to ask for memory can be seen doing it.
_KEEP_MEMORY = (
    'ours',
    'ours, portable',
    'ours, weighted',
    'bare matmul',
    'reference',
    'no model',
    'near 0',
)


def extra_mb(
    case: str, contender: str, run: Callable[[], Any]
) -> Optional[float]:
  """Says how much memory a contender needs at most for one call.

  Args:
    case: the case's name.
    contender: the contender's name.
    run: its call, for those that need no process of their own.

  Returns:
    The process's peak during the call above what it held before, in MB, with
    the data held before. None where the system does not tell: only Linux lets a
    process reset its peak.
  """
  if contender not in _KEEP_MEMORY:
    return _peak_mb(run)
  process = subprocess.run(
      [sys.executable, '-m', 'benchmarks.memory', case, contender],
      stdout=subprocess.PIPE,
      stderr=subprocess.DEVNULL,
      text=True,
      check=True,
  )
  last = process.stdout.splitlines()[-1]
  return None if last == str(None) else float(last)


def _peak_mb(run) -> Optional[float]:
  try:
    # What the allocator keeps for later would count as held before.
    ctypes.CDLL(None).malloc_trim(0)
    with open('/proc/self/clear_refs', 'w') as f:
      f.write('5')
  except (AttributeError, OSError):
    return None
  before = _status_mb('VmRSS')
  run()
  return max(0.0, _status_mb('VmHWM') - before)


def _status_mb(field) -> float:
  with open('/proc/self/status') as f:
    return int(re.search(rf'{field}:\s*(\d+) kB', f.read()).group(1)) / 1024


def main() -> None:
  # Here, as cases import what imports this module.
  from benchmarks import cases  # pylint: disable=g-import-not-at-top

  case, contender = sys.argv[1:]
  print(_peak_mb(cases.CASES[case]()[contender].run))


if __name__ == '__main__':
  main()
