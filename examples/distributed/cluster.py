# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs clusters of train.py on this machine, one cluster after the other.

Shows losses and scores, stops each cluster, and reports the rows per second for
one worker and for two workers. All tasks share this machine: two workers are
faster than one worker only if one worker leaves cores idle.

Usage: python cluster.py [--kinds KIND...] [--workers NUMBER...]
                         [--seconds SECONDS]
"""

import argparse
import collections
import contextlib
import json
import os
import queue
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

_KINDS = ('parameter_server', 'multi_worker')
_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'train.py')
_BATCH_SIZE = 8192
# Below the ports that systems assign to outgoing connections.
_PORTS = range(15_000, 32_000)
_LINES_OF_FAILURE = 40


class Cluster:
  """Tasks that run train.py; a context whose exit kills all tasks."""

  def __init__(self, folder, arguments, **jobs):
    """Finds a free port for each task, but starts no task.

    Args:
      folder: the folder for the model and for the tasks' temporary files.
      arguments: the arguments of train.py.
      **jobs: the number of tasks of each job.
    """
    self._folder = folder
    self._arguments = arguments
    self._processes = {}
    self._lines = queue.Queue()
    # Keep all sockets open until every port is found, so that no port is found
    # twice.
    with contextlib.ExitStack() as sockets:
      self._addresses = {
          job: [_free_address(sockets) for _ in range(number)]
          for job, number in jobs.items()
      }

  def __enter__(self):
    return self

  def __exit__(self, *unused_exception_info):
    # Kill the tasks: the folder with the model is deleted next, so the tasks
    # need no time to write a checkpoint.
    for process, _ in self._processes.values():
      process.kill()
    for process, reader in self._processes.values():
      process.wait()
      reader.join()

  def start(self, job, index=0):
    tf_config = {
        'cluster': self._addresses,
        'task': {'type': job, 'index': index},
    }
    environment = {
        **os.environ,
        'TF_CONFIG': json.dumps(tf_config),
        'TMPDIR': self._folder,
    }
    model_dir = os.path.join(self._folder, 'model')
    process = subprocess.Popen(
        [sys.executable, _PROGRAM, model_dir, *self._arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    name = f'{job}{index}'
    reader = threading.Thread(target=self._read, args=(name, process))
    self._processes[name] = process, reader
    reader.start()

  def _read(self, name, process):
    last = collections.deque(maxlen=_LINES_OF_FAILURE)
    with process.stdout as lines:
      for line in lines:
        last.append(line)
        self._lines.put((name, line))
    self._lines.put((name, RuntimeError(f'{name} ended:\n{"".join(last)}')))

  def progress(self):
    """Prints the losses and scores that the tasks log, and yields the steps.

    Yields:
      The name of the task, the time in seconds, and the step; for the
      evaluator, the score in place of the step.

    Raises:
      RuntimeError: a task has ended.
    """
    while True:
      name, line = self._lines.get()
      if isinstance(line, RuntimeError):
        raise line
      match = re.search(r'loss = .*, step = (\d+)|score = (\S+)', line)
      if match:
        print(f'{name:11}{line.partition("tensorflow:")[2]}', end='')
        yield name, time.monotonic(), float(match[1] or match[2])


def _free_address(sockets):
  while True:
    one = sockets.enter_context(socket.socket())
    port = random.choice(_PORTS)
    try:
      one.bind(('127.0.0.1', port))
    except OSError:
      continue
    return f'127.0.0.1:{port}'


def rows_per_second(kind: str, workers: int, seconds: float) -> float:
  """Measures the speed of one cluster.

  Args:
    kind: one of `_KINDS`.
    workers: the number of training tasks, including the chief.
    seconds: how long to measure after all tasks have started.

  Returns:
    The rows per second, over all workers.
  """
  arguments = [f'--batch_size={_BATCH_SIZE}']
  jobs = {'chief': 1, 'evaluator': 1}
  if kind == 'multi_worker':
    arguments.append('--multi_worker')
  else:
    jobs['ps'] = 1
  others = {'worker': workers - 1} if workers > 1 else {}
  with tempfile.TemporaryDirectory() as folder:
    with Cluster(folder, arguments, **jobs, **others) as cluster:
      for job in jobs:
        cluster.start(job)
      if kind == 'parameter_server':
        # Wait until the chief has chosen the centers: a worker that starts
        # earlier looks again only after 30 seconds.
        next(cluster.progress())
      for index in range(workers - 1):
        cluster.start('worker', index)
      return _measure(cluster, workers, seconds)


def _measure(cluster, workers, seconds):
  at_work = set()
  start = None
  for name, now, step in cluster.progress():
    at_work.add(name)
    if name != 'chief0' or len(at_work) <= workers:
      continue
    # Now all workers and the evaluator have logged a loss or a score.
    if start is None:
      start = now, step
    elif now - start[0] >= seconds:
      return (step - start[1]) * _BATCH_SIZE / (now - start[0])


def main():
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument(
      '--kinds',
      nargs='+',
      choices=_KINDS,
      default=_KINDS,
      help='the kinds of cluster to run (both)',
  )
  parser.add_argument(
      '--workers',
      nargs='+',
      type=int,
      default=(1, 2),
      help='numbers of training tasks, including the chief (1 2)',
  )
  parser.add_argument(
      '--seconds',
      type=float,
      default=20,
      help='how long to measure each cluster (%(default)s)',
  )
  args = parser.parse_args()
  # SIGTERM raises SystemExit, so that the context of the cluster kills the
  # tasks.
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
  results = []
  for kind in args.kinds:
    for workers in args.workers:
      print(f'== {kind}, workers: {workers}', flush=True)
      rows = rows_per_second(kind, workers, args.seconds)
      results.append((kind, workers, rows))
  print(f'\n{"cluster":20}workers      rows/s')
  for kind, workers, rows in results:
    print(f'{kind:20}{workers:7}{rows:12.0f}')


if __name__ == '__main__':
  main()
