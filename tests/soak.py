# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Hard use for as long as you like; no part of the default tests.

`python -m tests.soak --minutes 60` goes through the trials below again and
again, with other times and seeds in each round, and prints what each round saw.
It ends with status 1 at the first failure. Linux only.

kill: a training process is killed with SIGKILL again and again, and started
  again each time. The model is to be the one of a process that nobody killed,
  to the bit.
terminate: the same with SIGTERM and a GracefulStopHook. Besides, no finished
  step is to be lost.
full_disk: the disk of the model is filled while it trains. Training is to fail,
  and to go on to the same model, to the bit, once there is space again. Needs
  `unshare` and leave to mount a tmpfs in a namespace.
thousand_models: one process trains, scores and drops many models. Files,
  threads and memory are to stay as they are.
"""

import argparse
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from typing import Callable, Dict, List

import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator as estimator_lib
from kmeans_estimator import hooks as hooks_lib

_K = 8
_STEPS = 6000
_STEP = re.compile(r'^step (\d+)$', re.MULTILINE)


class _PrintSteps(tf.compat.v1.train.SessionRunHook):
  """Prints the number of each step, once it is made."""

  def begin(self):
    self._step = tf.compat.v1.train.get_global_step()

  def after_run(self, run_context, run_values):
    print('step', run_context.session.run(self._step), flush=True)


def train(model_dir: str, max_steps: int = _STEPS, graceful: bool = False):
  """Trains up to a step; the model does not depend on interruptions."""
  points = np.random.RandomState(0).normal(size=[200, 4]).astype(np.float32)
  kmeans = kmeans_estimator.KMeans(
      _K,
      initial_clusters='kmeans_plus_plus',
      seed=1,
      mini_batch_steps_per_iteration=7,
      config=estimator_lib.RunConfig(
          model_dir=model_dir, save_checkpoints_steps=100
      ),
  )
  # A tensor is the same batch in every step.
  kmeans.train(
      lambda: tf.constant(points),
      max_steps=max_steps,
      hooks=[_PrintSteps()] + graceful * [hooks_lib.GracefulStopHook()],
  )


def _variables(model_dir) -> Dict[str, np.ndarray]:
  reader = tf.train.load_checkpoint(model_dir)
  return {
      name: reader.get_tensor(name)
      for name in reader.get_variable_to_shape_map()
  }


def _check_same_model(model_dir, expected):
  np.testing.assert_equal(_variables(model_dir), expected)


def _start(task: str, *arguments: str, prefix: List[str] = ()):
  return subprocess.Popen(
      [*prefix, sys.executable, '-m', 'tests.soak', '--task', task, *arguments],
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
      cwd=pathlib.Path(__file__).parents[1],
      env={**os.environ, 'CUDA_VISIBLE_DEVICES': ''},
  )


def _interrupted(folder, number, task, rng) -> str:
  """Interrupts training with a signal until it gets to its end."""
  interruptions = 0
  while True:
    process = _start(task, folder)
    lines = []
    # Some are hit before their first step, while centers are being chosen.
    if rng.random() < 0.2:
      time.sleep(rng.uniform(0, 6))
    else:
      stop_after = rng.randrange(1, _STEPS // 4)
      for line in process.stdout:
        lines.append(line)
        if len(lines) == stop_after:
          break
    process.send_signal(number)
    out = process.communicate(timeout=300)[0]
    steps = [int(step) for step in _STEP.findall(''.join(lines) + out)]
    if process.returncode == 0:
      return f'{interruptions} interruptions'
    assert process.returncode == -number, (
        f'status {process.returncode}: {"".join(lines)[-3000:]}{out[-3000:]}'
    )
    interruptions += 1
    if number == signal.SIGTERM and steps:
      saved = int(_variables(folder)['global_step'])
      assert saved == steps[-1], f'step {steps[-1]} made, {saved} saved'


def kill(expected, rng) -> str:
  with tempfile.TemporaryDirectory() as folder:
    report = _interrupted(folder, signal.SIGKILL, 'train', rng)
    _check_same_model(folder, expected)
  return report


def terminate(expected, rng) -> str:
  with tempfile.TemporaryDirectory() as folder:
    report = _interrupted(folder, signal.SIGTERM, 'train_gracefully', rng)
    _check_same_model(folder, expected)
  return report


def full_disk(expected, rng) -> str:
  with tempfile.TemporaryDirectory() as folder:
    process = _start(
        'fill_disk',
        folder,
        str(rng.randrange(1, 20) * 100),
        prefix=['unshare', '--user', '--map-root-user', '--mount'],
    )
    out = process.communicate(timeout=600)[0]
    assert process.returncode == 0, out[-3000:]
    # The disk is gone with the process; it left its variables here.
    with np.load(os.path.join(folder, 'variables.npz')) as variables:
      np.testing.assert_equal(dict(variables), expected)
  return _lines_of(out, 'report')


def _fill_disk(folder, first_steps):
  """Runs in a namespace of its own, where it may mount a disk."""
  disk = os.path.join(folder, 'disk')
  os.mkdir(disk)
  subprocess.run(
      ['mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk], check=True
  )
  model_dir = os.path.join(disk, 'model')
  train(model_dir, int(first_steps))
  filler = os.path.join(disk, 'filler')
  with open(filler, 'wb', buffering=0) as file:
    try:
      while True:
        file.write(bytes(4096))
    except OSError:
      pass
  try:
    train(model_dir)
  except (OSError, tf.errors.OpError) as error:
    print('report failed by', type(error).__name__)
  else:
    raise AssertionError('training did not notice the full disk')
  os.remove(filler)
  before = int(_variables(model_dir)['global_step'])
  assert before >= int(first_steps), (before, first_steps)
  train(model_dir)
  np.savez(os.path.join(folder, 'variables.npz'), **_variables(model_dir))


def thousand_models(expected, rng) -> str:
  del expected, rng
  process = _start('train_many', '1000')
  out = process.communicate(timeout=3600)[0]
  assert process.returncode == 0, out[-3000:]
  return _lines_of(out, 'report')


def _lines_of(out, word):
  return '; '.join(
      line.partition(' ')[2]
      for line in out.splitlines()
      if line.startswith(word)
  )


def _train_many(number):
  points = np.random.RandomState(0).normal(size=[100, 2]).astype(np.float32)
  seen = {}
  for i in range(int(number)):
    with tempfile.TemporaryDirectory() as folder:
      kmeans = kmeans_estimator.KMeans(3, folder, seed=i)
      kmeans.train(lambda: tf.constant(points), steps=2)
      assert np.isfinite(kmeans.score(lambda: tf.constant(points)))
      assert len(list(kmeans.predict_cluster_index(lambda: points))) == 100
      del kmeans
    if i + 1 in (100, int(number)):
      seen[i + 1] = (
          len(os.listdir('/proc/self/fd')),
          len(os.listdir('/proc/self/task')),
          resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
      )
  (files, threads, memory), last = seen[min(seen)], seen[max(seen)]
  print(
      f'report files {files} to {last[0]}, threads {threads} to {last[1]}, '
      f'peak memory {memory} to {last[2]} MB, from the 100th to the last model'
  )
  assert last[0] <= files and last[1] <= threads, seen
  # TensorFlow keeps some kB for each graph.
  assert last[2] - memory < 0.2 * int(number), seen


_TRIALS: Dict[str, Callable[..., str]] = {
    'kill': kill,
    'terminate': terminate,
    'full_disk': full_disk,
    'thousand_models': thousand_models,
}
_TASKS = {
    'train': train,
    'train_gracefully': lambda folder: train(folder, graceful=True),
    'fill_disk': _fill_disk,
    'train_many': _train_many,
}


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--minutes', type=float, default=60)
  parser.add_argument('--trials', nargs='+', default=list(_TRIALS))
  parser.add_argument('--task', choices=_TASKS, help=argparse.SUPPRESS)
  parser.add_argument('arguments', nargs='*', help=argparse.SUPPRESS)
  options = parser.parse_args()
  if options.task:
    _TASKS[options.task](*options.arguments)
    return
  with tempfile.TemporaryDirectory() as folder:
    process = _start('train', folder)
    out = process.communicate()[0]
    assert process.returncode == 0, out[-3000:]
    expected = _variables(folder)
  assert expected['global_step'] == _STEPS
  number = 0
  end = time.monotonic() + options.minutes * 60
  while time.monotonic() < end:
    for name in options.trials:
      report = _TRIALS[name](expected, random.Random(number))
      print(f'round {number}, {name}: {report}', flush=True)
    number += 1
  print('passed')


if __name__ == '__main__':
  main()
