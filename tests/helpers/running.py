# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs Python code in new processes, for tests that change a whole process.

`run` starts an interpreter, in which importing TensorFlow takes 6 seconds of
CPU time. `run_forked`, `start_forked` and `fork` take less than 0.1 seconds:
they fork a server process that has imported TensorFlow, but neither this
package nor anything of the tests, and has started no session. Use them unless
the test is about importing TensorFlow.
"""

import multiprocessing
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import tempfile
import types
from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence, Tuple

ROOT = str(pathlib.Path(__file__).resolve().parents[2])

_forks = multiprocessing.get_context('forkserver')
_forks.set_forkserver_preload(['tensorflow'])


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


def run_forked(
    *args: str, cwd: Optional[str] = None, **environment: str
) -> Result:
  """Does the same as `run`, in a process that has imported TensorFlow."""
  with tempfile.TemporaryDirectory() as folder:
    out, err = os.path.join(folder, 'out'), os.path.join(folder, 'err')
    process = _start(
        (os.devnull, out, err), _environment(environment), _program, args, cwd
    )
    process.join()
    return Result(process.exitcode, _read(out), _read(err))


class Program:
  """A running program; see `start_forked`.

  Attributes:
    stdin: a text file to write to.
    stdout: a text file to read from.
    stderr: a text file to read from.
  """

  def __init__(self, args, environment):
    pipes = [_forks.Pipe(duplex=False) for _ in range(3)]
    (child_in, stdin), (stdout, child_out), (stderr, child_err) = pipes
    self._process = _start(
        (child_in, child_out, child_err), environment, _program, args, None
    )
    self.stdin = os.fdopen(os.dup(stdin.fileno()), 'w')
    self.stdout = os.fdopen(os.dup(stdout.fileno()))
    self.stderr = os.fdopen(os.dup(stderr.fileno()))
    for pipe in pipes:
      for end in pipe:
        end.close()

  def send_signal(self, number: int) -> None:
    os.kill(self._process.pid, number)

  def wait(self, timeout: Optional[float] = None) -> Optional[int]:
    """Waits for the end; returns the exit status, None if there is no end."""
    self._process.join(timeout)
    return self._process.exitcode

  def kill(self) -> None:
    self._process.kill()
    self._process.join()

  def close(self) -> None:
    """Kills the process, if it still runs, and closes the files."""
    self.kill()
    for file in self.stdin, self.stdout, self.stderr:
      file.close()


def start_forked(*args: str, **environment: str) -> Program:
  """Starts what `run_forked` runs, with pipes to it and from it."""
  return Program(args, _environment(environment))


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
  environment = {'CUDA_VISIBLE_DEVICES': '', **environment}
  return _start((os.devnull, log, log), environment, target, *args)


def _environment(added):
  return {'PYTHONPATH': ROOT, 'CUDA_VISIBLE_DEVICES': '', **added}


def _start(streams, environment, target, *args):
  for stream in streams[1:]:
    if isinstance(stream, str):
      # Create the file before the process starts, so that it can always be
      # read.
      open(stream, 'w', encoding='utf-8').close()
  process = _forks.Process(
      target=_with_streams, args=(streams, environment, target, *args)
  )
  process.start()
  return process


def _with_streams(
    streams: Sequence[Any],
    environment: Dict[str, str],
    target: Callable[..., Any],
    *args: Any,
) -> None:
  """Runs `target` with redirected streams, in the new process.

  Args:
    streams: paths or pipes that become stdin, stdout and stderr.
    environment: environment variables to set.
    target: the function to run.
    *args: its arguments.
  """
  for descriptor, stream in enumerate(streams):
    if isinstance(stream, str):
      mode = os.O_WRONLY | os.O_APPEND if descriptor else os.O_RDONLY
      os.dup2(os.open(stream, mode), descriptor)
    else:
      os.dup2(stream.fileno(), descriptor)
      stream.close()
  sys.stdin = open(0, closefd=False)
  os.environ.update(environment)
  target(*args)


def _program(args: Tuple[str, ...], cwd: Optional[str]) -> None:
  """Runs `python *args` in this process, which the fork server has forked."""
  if cwd is not None:
    os.chdir(cwd)
  inherited = [path for path in sys.path if os.path.abspath(path) != ROOT]
  added = os.environ['PYTHONPATH'].split(os.pathsep)
  sys.path[:] = [path for path in added if path] + inherited
  # The program imports them from its path if it needs them.
  for name in list(sys.modules):
    if name.partition('.')[0] == 'tests':
      del sys.modules[name]
  sys.exit(_interpret(args))


def _interpret(args: Sequence[str]) -> int:
  """Runs `python *args` as the interpreter does; returns the exit status."""
  sys.modules['__main__'] = main = types.ModuleType('__main__')
  try:
    if args[0] == '-c':
      sys.argv = ['-c', *args[2:]]
      sys.path.insert(0, '')
      exec(args[1], vars(main))
    elif args[0] == '-m':
      sys.argv = list(args[1:])
      sys.path.insert(0, os.getcwd())
      # What the interpreter calls. runpy.run_module would put sys.argv back
      # before the excepthook runs.
      runpy._run_module_as_main(args[1])
    else:
      sys.argv = list(args)
      sys.path.insert(0, os.path.dirname(os.path.abspath(args[0])))
      runpy.run_path(args[0], run_name='__main__')
    return 0
  except SystemExit as error:
    if error.code is None or isinstance(error.code, int):
      return error.code or 0
    print(error.code, file=sys.stderr)
  except KeyboardInterrupt:
    sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)
  except BaseException:
    sys.excepthook(*sys.exc_info())
  return 1


class ForkingPopen(subprocess.Popen):
  """Forks this process where a program would start Python.

  For programs that start processes before they have started a session. The
  processes have ids, streams and signals as if they had been started.
  """

  def __init__(self, args, env=None, **kwargs):
    if args[0] != sys.executable:
      raise ValueError(f'{args[0]} is not {sys.executable}')

    def run_instead():
      # Also closes the pipe on which the parent waits for the new program.
      os.closerange(3, os.sysconf('SC_OPEN_MAX'))
      if env is not None:
        os.environ.clear()
        os.environ.update(env)
      for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
          signal.signal(number, signal.SIG_DFL)
      signal.signal(signal.SIGINT, signal.default_int_handler)
      status = _interpret(args[1:])
      sys.stdout.flush()
      os._exit(status)

    sys.stdout.flush()  # Or the new process would write it, too.
    super().__init__(args, env=env, preexec_fn=run_instead, **kwargs)


def _read(path):
  with open(path, encoding='utf-8') as f:
    return f.read()
