# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The program of each process of a `processes.Cluster`."""

import json
import multiprocessing
from multiprocessing import connection
import os
import threading
import time

import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator
from kmeans_estimator import hooks as hooks_lib
from tests.helpers import testing

ROWS = 600
CLUSTERS = 6


def points() -> np.ndarray:
  """Returns the points that the tasks share."""
  return np.random.RandomState(3).uniform(-4, 4, [ROWS, 3]).astype(np.float32)


def batches(share: int, shares: int, per_epoch: int) -> list:
  """Returns the batches of one epoch of a task's share of the points."""
  return np.split(points()[share::shares], per_epoch)


def _end_with_tests():
  """Ends this process when the process that runs the tests ends."""
  connection.wait([multiprocessing.parent_process().sentinel])
  os._exit(1)


def _stand_at(gate):
  """Waits until the test opens a gate."""
  if not os.path.exists(gate + '.open'):
    open(gate + '.stands', 'w').close()
  while not os.path.exists(gate + '.open'):
    time.sleep(0.02)


class _Gates(tf.compat.v1.train.SessionRunHook):
  """Makes the task wait at some steps until the test opens their gates."""

  def __init__(self, path, steps):
    self._path = path
    self._steps = steps

  def begin(self):
    self._global_step = tf.compat.v1.train.get_global_step()

  def after_create_session(self, session, coord):
    del coord
    print('starts at step', session.run(self._global_step), flush=True)

  def before_run(self, run_context):
    if not self._steps:
      return
    step = run_context.session.run(self._global_step)
    if step < self._steps[0]:
      return
    _stand_at(f'{self._path}.{self._steps.pop(0)}')


def main(folder: str, name: str, options: dict) -> None:
  """Trains or evaluates as one task of a cluster.

  Args:
    folder: the folder of the cluster.
    name: the name of this task.
    options:
      multi_worker: whether to use MultiWorkerMirroredStrategy.
      kmeans: arguments of KMeansClustering.
      batches: number of batches in an epoch of each task.
      max_steps: the global step at which training ends.
      checkpoints: number of steps between checkpoints.
      gates: for each task, the steps at which it waits for the test. A task
        runs at least one step between two gates.
      held_inputs: names of tasks whose input waits at the gate 'input'.
      ends: names of tasks whose input ends after one epoch.
      bad_columns: names of tasks whose input has the wrong number of columns.
      bad_values: names of tasks whose input has a value that is not finite.
      timeout: the time limit of a step, in milliseconds.
      graceful: whether to use GracefulStopHook.
      summaries: whether to use ClusterSummaryHook, for each step.
  """
  threading.Thread(target=_end_with_tests, daemon=True).start()
  tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)
  path = os.path.join(folder, name)
  strategy = None
  if options.get('multi_worker'):
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
  config = testing.run_config(
      model_dir=os.path.join(folder, 'model'),
      train_distribute=strategy,
      tf_random_seed=5,
      save_checkpoints_steps=options['checkpoints'],
      experimental_max_worker_delay_secs=0,
      session_config=tf.compat.v1.ConfigProto(
          allow_soft_placement=True,
          operation_timeout_in_ms=options['timeout'],
      )
      if 'timeout' in options
      else None,
  )

  def train_input():
    cluster = json.loads(os.environ['TF_CONFIG']).get('cluster', {})
    trainers = [
        job + str(i)
        for job in ('chief', 'worker')
        for i in range(len(cluster.get(job, [])))
    ] or [name]
    own = batches(trainers.index(name), len(trainers), options['batches'])
    if name in options.get('bad_columns', []):
      own = [batch[:, :2] for batch in own]
    if name in options.get('bad_values', []):
      own[-1][5, 1] = np.inf

    def generate():
      if name in options.get('held_inputs', []):
        _stand_at(path + '.input')
      yield from own

    return tf.data.Dataset.from_generator(
        generate,
        output_signature=tf.TensorSpec([None, own[0].shape[1]], tf.float32),
    ).repeat(1 if name in options.get('ends', []) else None)

  kmeans = kmeans_estimator.KMeansClustering(
      CLUSTERS, config=config, **options['kmeans']
  )
  hooks = [_Gates(path, options.get('gates', {}).get(name, []))]
  if options.get('graceful'):
    hooks.append(hooks_lib.GracefulStopHook())
  if options.get('summaries'):
    hooks.append(hooks_lib.ClusterSummaryHook(save_steps=1))
  if options.get('alone'):
    kmeans.train(train_input, max_steps=options['max_steps'], hooks=hooks)
    return
  estimator.train_and_evaluate(
      kmeans,
      estimator.TrainSpec(
          train_input, max_steps=options['max_steps'], hooks=hooks
      ),
      estimator.EvalSpec(
          testing.input_fn(points()),
          steps=1,
          start_delay_secs=0,
          throttle_secs=1,
      ),
  )
