# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Clusters of processes on the local machine."""

import contextlib
import json
import os
import random
import socket
import time
from typing import Any, Callable, Dict, List, Tuple, Union

from tests.distribution import task
from tests.helpers import running

_SECONDS_BETWEEN_LOOKS = 0.05
_SECONDS_UNTIL_GIVING_UP = 50
# Below the ephemeral ports, which the system gives to outgoing connections: one
# of these could be in use again before the task listens on it.
_PORTS = range(15_000, 32_000)


def free_addresses(number: int) -> List[str]:
  """Finds ports on which no process listens."""
  ports = random.SystemRandom()
  addresses = []
  with contextlib.ExitStack() as sockets:
    while len(addresses) < number:
      one = sockets.enter_context(socket.socket())
      address = '127.0.0.1', ports.choice(_PORTS)
      try:
        one.bind(address)
      except OSError:
        continue
      addresses.append('%s:%d' % address)
  return addresses


class Cluster:
  """A cluster of tasks that run `tests.distribution.task`.

  As a context manager, it kills all tasks at the end. The name of a task is its
  job and its index, as in `'worker0'`.
  """

  def __init__(self, folder: str, options: Dict[str, Any], **jobs: int):
    """Finds a free port for each task, but starts no task.

    Args:
      folder: the folder of the logs, the model and the gates.
      options: options of `tests.distribution.task`.
      **jobs: number of tasks of each job; no jobs: one process without a
        cluster.
    """
    self._folder = folder
    self._options = options
    addresses = iter(free_addresses(sum(jobs.values())))
    self._spec = {
        job: [next(addresses) for _ in range(n)] for job, n in jobs.items()
    }
    self._tasks = {}

  def __enter__(self) -> 'Cluster':
    return self

  def __exit__(self, *unused_exception_info) -> None:
    for name in self._tasks:
      self.kill(name)

  @property
  def model_dir(self) -> str:
    return os.path.join(self._folder, 'model')

  def start(self, *names: str) -> None:
    """Starts or restarts tasks."""
    for name in names:
      job, index = _job_and_index(name)
      tf_config = {
          'cluster': self._spec, 'task': {'type': job, 'index': index}
      }  # pyformat: disable
      self._tasks[name] = running.fork(
          self._log(name),
          task.main,
          self._folder,
          name,
          self._options,
          TF_CONFIG=json.dumps(tf_config if self._spec else {}),
      )

  def kill(self, name: str) -> None:
    """Sends SIGKILL to tasks."""
    self._tasks[name].kill()
    self._tasks[name].join()

  def terminate(self, name: str) -> None:
    """Sends SIGTERM to a task."""
    self._tasks[name].terminate()

  def log(self, name: str) -> str:
    with open(self._log(name), encoding='utf-8') as log:
      return log.read()

  def _log(self, name):
    return os.path.join(self._folder, name + '.log')

  def wait_for(self, *names: str) -> Tuple[int, ...]:
    """Waits until tasks have ended; returns their exit statuses."""
    self._wait(
        lambda: not any(self._tasks[name].is_alive() for name in names),
        f'end of {names}',
    )
    return tuple(self._tasks[name].exitcode for name in names)

  def wait_for_log(self, name: str, text: str) -> None:
    """Waits until a task has logged a text."""
    self._wait_in(name, lambda: text in self.log(name), repr(text))

  def wait_for_gate(self, name: str, gate: Union[int, str]) -> None:
    """Waits until a task waits at one of its gates."""
    path = self._gate(name, gate) + '.stands'
    self._wait_in(name, lambda: os.path.exists(path), f'gate {gate}')

  def open_gate(self, name: str, gate: Union[int, str]) -> None:
    """Opens a gate for a task, also for the time after a restart."""
    open(self._gate(name, gate) + '.open', 'w').close()

  def _gate(self, name, gate):
    return os.path.join(self._folder, f'{name}.{gate}')

  def _wait_in(self, name, condition, what):
    def holds():
      if not self._tasks[name].is_alive():
        raise AssertionError(f'{name} ended:\n{self.log(name)}')
      return condition()

    self._wait(holds, f'{what} of {name}')

  def _wait(self, condition: Callable[[], bool], what: str):
    end = time.monotonic() + _SECONDS_UNTIL_GIVING_UP
    while not condition():
      if time.monotonic() > end:
        logs = '\n'.join(
            f'== {name}\n{self.log(name)[-3000:]}' for name in self._tasks
        )
        raise AssertionError(f'No {what}.\n{logs}')
      time.sleep(_SECONDS_BETWEEN_LOOKS)


def _job_and_index(name):
  job = name.rstrip('0123456789')
  return job, int(name[len(job):] or 0)
