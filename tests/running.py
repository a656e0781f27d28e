# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Python processes of their own, for what a process can do only once."""

import os
import subprocess
import sys
from typing import NamedTuple, Optional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Result(NamedTuple):
  """How a process ended and what it wrote."""

  status: int
  out: str
  err: str


def run(*args: str, cwd: Optional[str] = None, **environment: str) -> Result:
  """Runs python with this package on its path.

  Args:
    *args: the command line after `python`.
    cwd: the working directory; None: this one.
    **environment: variables to set beside the present ones.

  Returns:
    The process's exit status, and its two streams as text.
  """
  process = subprocess.run(
      [sys.executable, *args],
      cwd=cwd,
      env={
          **os.environ,
          'PYTHONPATH': ROOT,
          'CUDA_VISIBLE_DEVICES': '',
          **environment,
      },
      capture_output=True,
      text=True,
      check=False,
  )
  return Result(process.returncode, process.stdout, process.stderr)
