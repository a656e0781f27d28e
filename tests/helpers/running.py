# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs Python code in new processes, for tests that change a whole process.

`run` starts an interpreter, in which importing TensorFlow takes 6 seconds of
CPU time. `fork` and `run_forked` take less than 0.1 seconds: they fork a server
process that has imported TensorFlow and has started no session. Use them unless
the test is about imports.
"""

import multiprocessing
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

ROOT = str(pathlib.Path(__file__).resolve().parents[2])

_forks = multiprocessing.get_context('forkserver')
_forks.set_forkserver_preload(['tests.helpers.testing'])


class Result(NamedTuple):
  """Exit status and output of a process."""

  status: int
  out: str
  err: str


def run(*args: str, cwd: Optional[str] = None, **environment: str) -> Result:
  """Runs Python with this package on its path.

  Args:
    *args: the command line after `python`.
    cwd: the working directory; None: that of the test.
    **environment: environment variables to set in addition to the present ones.

  Returns:
    The exit status, and the text of stdout and stderr.
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


def fork(
    log: str, target: Callable[..., Any], *args: Any, **environment: str
) -> multiprocessing.process.BaseProcess:
  """Starts `target(*args)` in a process that has imported TensorFlow.

  Args:
    log: a file for stdout and stderr of the process.
    target: a function at the top level of a module; the process imports it.
    *args: arguments of the function.
    **environment: environment variables to set in addition to the present ones.

  Returns:
    The process.
  """
  return _start(log, log, environment, target, *args)


def run_forked(
    *args: str, cwd: Optional[str] = None, **environment: str
) -> Result:
  """Does the same as `run`, in a process that has imported TensorFlow."""
  with tempfile.TemporaryDirectory() as folder:
    out, err = os.path.join(folder, 'out'), os.path.join(folder, 'err')
    process = _start(out, err, environment, _interpret, args, cwd)
    process.join()
    return Result(process.exitcode, _read(out), _read(err))


def _start(out, err, environment, target, *args):
  for path in {out, err}:
    # Create the file before the process starts, so that it can always be read.
    open(path, 'w', encoding='utf-8').close()
  process = _forks.Process(
      target=_with_streams, args=(out, err, environment, target, *args)
  )
  process.start()
  return process


def _with_streams(
    out: str,
    err: str,
    environment: Dict[str, str],
    target: Callable[..., Any],
    *args: Any,
) -> None:
  """Runs `target` with redirected output, in the new process."""
  for path, descriptor in (out, 1), (err, 2):
    os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), descriptor)
  os.environ.update({'CUDA_VISIBLE_DEVICES': '', **environment})
  target(*args)


def _interpret(args: Tuple[str, ...], cwd: Optional[str]) -> None:
  """Runs `python *args` in this process."""
  if cwd is not None:
    os.chdir(cwd)
  if args[0] == '-c':
    sys.argv = ['-c', *args[2:]]
    sys.path.insert(0, '')
    exec(args[1], {'__name__': '__main__'})
  elif args[0] == '-m':
    sys.argv = list(args[1:])
    sys.path.insert(0, os.getcwd())
    runpy.run_module(args[1], run_name='__main__', alter_sys=True)
  else:
    sys.argv = list(args)
    sys.path.insert(0, os.path.dirname(os.path.abspath(args[0])))
    runpy.run_path(args[0], run_name='__main__')


def _read(path):
  with open(path, encoding='utf-8') as f:
    return f.read()
