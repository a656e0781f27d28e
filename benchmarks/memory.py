# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures the peak memory of a call.

`python -m benchmarks.memory CASE CONTENDER` prints the peak memory of a
contender's first call, in MB.
"""

import ctypes
import re
import subprocess
import sys
from typing import Any, Callable, Optional

# Contenders that run TensorFlow. TensorFlow's allocator never returns memory:
# later sessions of the process reuse it. Only the first call in a process shows
# how much memory a call needs, so each of these contenders is measured in a new
# process.
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
  """Measures the peak memory of one call of a contender.

  Args:
    case: the case's name.
    contender: the contender's name.
    run: the contender's call; not used if the call needs a new process.

  Returns:
    The peak memory of the process during the call minus its memory before the
    call, in MB. The data is in memory before the call, so it does not count.
    None on systems other than Linux, where a process cannot reset its peak.
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
    # Return free memory to the system: memory that the allocator keeps would
    # count as memory before the call, though the call can use it.
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
  # Import the cases, and so TensorFlow, only in a process that runs a case.
  from benchmarks import cases  # pylint: disable=g-import-not-at-top

  case, contender = sys.argv[1:]
  print(_peak_mb(cases.CASES[case]()[contender].run))


if __name__ == '__main__':
  main()
