# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests MultiWorkerMirroredStrategy with one process per worker."""

import os
import re
import signal

import numpy as np
import pytest
import tensorflow as tf

from tests.distribution import processes
from tests.distribution import task
from tests.helpers import numpy_model
from tests.helpers import testing

pytestmark = pytest.mark.slow

_CHIEF, _WORKER = 'chief0', 'worker0'
_CENTERS = task.points()[: task.CLUSTERS] + 0.25


def _expected(start, metric, steps_per_iteration, steps, per_epoch=1):
  """Runs steps of the NumPy model, each on the batches of both workers."""
  state = numpy_model.initial_state(start, metric, steps_per_iteration)
  own = [task.batches(share, 2, per_epoch) for share in range(2)]
  for step in range(steps):
    both = [batches[step % per_epoch] for batches in own]
    state, _ = numpy_model.step(state, np.concatenate(both))
  return state


class MultiWorkerTest(tf.test.TestCase):

  def _cluster(self, kmeans, evaluators=0, **options):
    jobs = dict(chief=1, worker=1)
    if evaluators:
      jobs['evaluator'] = evaluators
    return processes.Cluster(
        testing.temporary_folder(self),
        dict(multi_worker=True, kmeans=kmeans, **options),
        **jobs,
    )

  def test_step_equals_one_step_on_the_batches_of_all_workers(self):
    kmeans = dict(
        initial_clusters='kmeans_plus_plus',
        mini_batch_steps_per_iteration=2,
    )
    with self._cluster(
        kmeans,
        batches=3,
        checkpoints=5,
        max_steps=11,
        evaluators=1,
        summaries=True,
    ) as cluster:
      tasks = (_CHIEF, _WORKER, 'evaluator0')
      cluster.start(*tasks)
      statuses = cluster.wait_for(*tasks)
      self.assertEqual(statuses, (0, 0, 0), cluster.log(_CHIEF))
      start = testing.checkpoint_values(
          os.path.join(cluster.model_dir, 'model.ckpt-0')
      )['clusters']
      end = testing.checkpoint_values(cluster.model_dir)
      summaries = testing.cluster_summaries(cluster.model_dir)
      losses = [
          float(re.search('Loss for final step: (.*)\\.', cluster.log(name))[1])
          for name in (_CHIEF, _WORKER)
      ]
      evaluated = re.findall(
          r'global step (\d+): .*score = (\S+)', cluster.log('evaluator0')
      )
    # The initial centers are points of the chief's input.
    for center in start:
      self.assertIn(center.tolist(), task.points()[::2].tolist())
    # The chief's first batch was used to choose the centers.
    state = numpy_model.initial_state(start, 'squared_euclidean', 2)
    chief, worker = (task.batches(share, 2, 3) for share in range(2))
    # Only the chief has written, of the points of both.
    self.assertCountEqual(summaries, range(1, 12))
    for step in range(11):
      batch = np.concatenate([chief[(step + 1) % 3], worker[step % 3]])
      nearest = numpy_model.distances(
          batch, state.clusters, 'squared_euclidean'
      ).argmin(axis=1)
      shares = np.bincount(nearest, minlength=task.CLUSTERS) / len(batch)
      self.assertAllClose(
          summaries[step + 1]['clusters/share_of_points'].sum_squares,
          np.square(shares).sum(),
      )
      state, loss = numpy_model.step(state, batch)
    testing.assert_state(end, state)
    self.assertAllClose(losses, [loss, loss], 1e-4)
    self.assertEqual(int(evaluated[-1][0]), 11)
    score = numpy_model.distances(
        task.points(), state.clusters, 'squared_euclidean'
    )
    self.assertAllClose(
        float(evaluated[-1][1]), score.min(axis=1).sum(), 1e-4
    )

  def test_training_continues_after_either_worker_was_killed(self):
    both = (_CHIEF, _WORKER)
    kmeans = dict(
        initial_clusters=_CENTERS.tolist(),
        distance_metric='cosine',
        use_mini_batch=False,
    )
    start = 0
    with self._cluster(
        kmeans,
        batches=1,
        checkpoints=4,
        max_steps=14,
        gates={_CHIEF: [6], _WORKER: [10]},
        timeout=15000,
    ) as cluster:
      for victim, other, gate in (_CHIEF, _WORKER, 6), (_WORKER, _CHIEF, 10):
        with self.subTest(victim):
          cluster.start(*both)
          cluster.wait_for_gate(victim, gate)
          for name in both:
            self.assertIn(f'starts at step {start}', cluster.log(name))
          cluster.kill(victim)
          # The other worker ends with an error that says why.
          [status] = cluster.wait_for(other)
          self.assertEqual(status, 1)
          self.assertRegex(
              cluster.log(other), 'Another worker has ended|Operation timed out'
          )
          cluster.open_gate(victim, gate)
          start += 4  # The next checkpoint.
      cluster.start(*both)
      self.assertEqual(cluster.wait_for(*both), (0, 0))
      for name in both:
        self.assertIn(f'starts at step {start}', cluster.log(name))
      end = testing.checkpoint_values(cluster.model_dir)
    testing.assert_state(end, _expected(_CENTERS, 'cosine', None, 14))

  def test_all_workers_stop_when_one_or_all_get_sigterm(self):
    both = (_CHIEF, _WORKER)
    kmeans = dict(
        initial_clusters=_CENTERS.tolist(),
        distance_metric='cosine',
        use_mini_batch=False,
    )
    start = 0
    with self._cluster(
        kmeans,
        batches=1,
        checkpoints=1000,
        max_steps=13,
        graceful=True,
        gates={_CHIEF: [4, 8], _WORKER: [4, 8]},
    ) as cluster:
      for told, gate in ([_WORKER], 4), (both, 8):
        cluster.start(*both)
        for name in both:
          cluster.wait_for_gate(name, gate)
          self.assertIn(f'starts at step {start}', cluster.log(name))
        for name in told:
          cluster.terminate(name)
        for name in both:
          cluster.open_gate(name, gate)
        statuses = dict(zip(both, cluster.wait_for(*both)))
        for name in both:
          with self.subTest(f'{name}; {" and ".join(told)} told to end'):
            log = cluster.log(name)
            if name in told:
              self.assertEqual(statuses[name], -signal.SIGTERM, log)
            else:
              self.assertEqual(statuses[name], 1, log)
              self.assertIn('Another worker was told to end', log)
        start = testing.checkpoint_values(cluster.model_dir)['global_step']
        # Both tasks wait in the step after the gate when they get the signal.
        # If the other worker learns of it too late, one more step runs.
        self.assertIn(start, (gate + 1, gate + 2))
      cluster.start(*both)
      self.assertEqual(cluster.wait_for(*both), (0, 0))
      for name in both:
        self.assertIn(f'starts at step {start}', cluster.log(name))
      end = testing.checkpoint_values(cluster.model_dir)
    testing.assert_state(end, _expected(_CENTERS, 'cosine', None, 13))

  def test_different_numbers_of_columns_are_refused(self):
    with self._cluster(
        dict(use_mini_batch=False),
        batches=1,
        checkpoints=1,
        max_steps=3,
        bad_columns=[_WORKER],
    ) as cluster:
      cluster.start(_CHIEF, _WORKER)
      self.assertEqual(cluster.wait_for(_CHIEF, _WORKER), (1, 1))
      for name in (_CHIEF, _WORKER):
        self.assertRegex(
            cluster.log(name), r'same number of columns on all.*\[3 2\]'
        )
      self.assertIsNone(tf.train.latest_checkpoint(cluster.model_dir))

  def test_infinity_on_one_worker_changes_no_model(self):
    with self._cluster(
        dict(initial_clusters=_CENTERS.tolist(), use_mini_batch=False),
        batches=3,
        checkpoints=1,
        max_steps=9,
        bad_values=[_WORKER],
    ) as cluster:
      cluster.start(_CHIEF, _WORKER)
      self.assertEqual(cluster.wait_for(_CHIEF, _WORKER), (1, 1))
      self.assertRegex(
          cluster.log(_WORKER), r'holds NaN or Inf.*\[\[5\]\].*\[\[1\]\]'
      )
      self.assertIn('batch of another worker holds', cluster.log(_CHIEF))
      end = testing.checkpoint_values(cluster.model_dir)
    state = _expected(_CENTERS, 'squared_euclidean', None, 2, 3)
    testing.assert_state(end, state)


if __name__ == '__main__':
  tf.test.main()
