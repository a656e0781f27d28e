# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Shows the progress of training."""

import builtins
import datetime
import importlib
import sys
import time
from typing import Any, Callable, List, Optional

import tensorflow as tf

_SECONDS_BETWEEN_BARS = 0.2


class ProgressHook(tf.compat.v1.train.SessionRunHook):
  """Shows step, loss, steps per second and the remaining time.

  ```python
  import numpy as np
  import kmeans_estimator
  from kmeans_estimator import hooks

  points = np.random.uniform(0, 1000, [10_000, 2]).astype(np.float32)
  batches = kmeans_estimator.inputs.array_input_fn(points, batch_size=256)
  kmeans = kmeans_estimator.KMeans(num_clusters=5)
  kmeans.train(batches, steps=2000, hooks=[hooks.ProgressHook()])
  ```

  In a terminal or a notebook, the hook draws a progress bar if `tqdm` is
  installed. Otherwise it writes lines to stderr: after the first step, then
  every `every_n_secs` seconds, and when training ends:

  ```text
  step 1 of 2000, loss 2.00514e+07
  step 1404 of 2000, loss 1.03117e+07, 140.3 steps/s, 0:00:04 left
  ```

  The hook shows the last step and the remaining time if the caller of
  `KMeans.train` gives `steps` or `max_steps`, or `TrainSpec` has `max_steps`.
  Other Estimators accept the hook too; for them it does not show the last step.

  In a cluster, every task that has the hook shows the `global_step`, which
  counts the steps of all tasks. The hook adds no op to the graph, and reads the
  `global_step` only to show it.
  """

  def __init__(
      self,
      every_n_secs: float = 10,
      write: Optional[Callable[[str], Any]] = None,
  ):
    """Creates the hook; several successive calls of `train` may use it.

    Args:
      every_n_secs: the time between two lines, in seconds. A bar is drawn
        several times per second.
      write: a function that takes each line, such as `print` or `logging.info`;
        the hook then draws no bar. None: a bar if it can be drawn, otherwise
        lines on stderr.

    Raises:
      ValueError: `every_n_secs` is not positive.
    """
    if not every_n_secs > 0:
      raise ValueError(f'every_n_secs must be positive, got {every_n_secs}.')
    self._every_n_secs = every_n_secs
    self._write = write
    self._steps: Optional[int] = None
    self._max_steps: Optional[int] = None
    self._display: Any = None

  def will_train(self, steps: Optional[int], max_steps: Optional[int]) -> None:
    """Tells the hook when training will end; `KMeans.train` calls this method.

    Args:
      steps: as for `train`.
      max_steps: as for `train`.
    """
    self._steps, self._max_steps = steps, max_steps

  def begin(self):
    """Finds the loss in the graph.

    Raises:
      ValueError: the graph does not train.
    """
    losses = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.LOSSES)
    if not losses:
      raise ValueError(
          'ProgressHook found no loss in this graph. Pass the hook to train or '
          'to TrainSpec; evaluate and predict cannot use it.'
      )
    self._loss_tensor = losses[-1]
    self._global_step = tf.compat.v1.train.get_global_step()
    self._display = None
    self._is_shown = True  # Until a step has ended.

  def before_run(self, run_context):
    if self._display is None:
      first = int(run_context.session.run(self._global_step))
      last = self._max_steps
      if self._steps is not None:
        last = first + self._steps
      self._display = self._new_display(first, last)
      self._due = 0.0
    # This fetch costs nothing: Estimator fetches the loss in every step.
    return tf.compat.v1.train.SessionRunArgs(self._loss_tensor)

  def after_run(self, run_context, run_values):
    self._loss = run_values.results
    self._is_shown = time.monotonic() >= self._due
    if self._is_shown:
      self._show(run_context.session)

  def end(self, session):
    if self._display is not None:
      if not self._is_shown:
        self._show(session)
      self._display.close()

  def _show(self, session):
    self._display.show(int(session.run(self._global_step)), self._loss)
    self._due = time.monotonic() + self._display.seconds

  def _new_display(self, first, last):
    if self._write is None:
      tqdm = _tqdm()
      if tqdm is not None:
        return _Bar(tqdm, first, last)
    return _Lines(self._write or _to_stderr, self._every_n_secs, first, last)


def announce(
    hooks: List[Any],
    steps: Optional[int],
    max_steps: Optional[int],
) -> None:
  """Tells the hooks that show progress when training will end.

  Args:
    hooks: the hooks of `train`.
    steps: as for `train`.
    max_steps: as for `train`.
  """
  for hook in hooks:
    if isinstance(hook, ProgressHook):
      hook.will_train(steps, max_steps)


class _Lines:
  """Shows progress in lines of text."""

  def __init__(self, write, seconds, first, last):
    self.seconds = seconds
    self._write = write
    self._last = last
    self._shown_step = first
    self._shown_at: Optional[float] = None

  def show(self, step, loss):
    now = time.monotonic()
    of_last = '' if self._last is None else f' of {self._last}'
    parts = [f'step {step}{of_last}', f'loss {loss:.6g}']
    # Show no rate in the first line: the first step takes longer than the
    # following steps.
    if self._shown_at is not None:
      elapsed = max(now - self._shown_at, 1e-9)
      rate = (step - self._shown_step) / elapsed
      parts.append(f'{rate:.1f} steps/s')
      if self._last is not None and rate and step < self._last:
        left = datetime.timedelta(seconds=round((self._last - step) / rate))
        parts.append(f'{left} left')
    self._write(', '.join(parts))
    self._shown_step, self._shown_at = step, now

  def close(self):
    pass


class _Bar:
  """Shows progress as a bar."""

  seconds = _SECONDS_BETWEEN_BARS

  def __init__(self, tqdm, first, last):
    self._bar = tqdm(
        initial=first, total=last, unit='step', dynamic_ncols=True
    )

  def show(self, step, loss):
    self._bar.set_postfix(loss=f'{loss:.6g}', refresh=False)
    self._bar.update(step - self._bar.n)

  def close(self):
    self._bar.refresh()
    self._bar.close()


def _tqdm():
  """Returns the class of tqdm's bar; None if no bar can be drawn."""
  # In a file or a pipe, a bar would be one long line of control characters.
  if not (sys.stderr.isatty() or hasattr(builtins, '__IPYTHON__')):
    return None
  try:
    return importlib.import_module('tqdm.auto').tqdm
  except ImportError:
    return None


def _to_stderr(line):
  print(line, file=sys.stderr, flush=True)
