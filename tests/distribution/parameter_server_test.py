# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests parameter servers, with one process per task of the cluster."""

import os
import re
import signal

import pytest
import tensorflow as tf

from tests.distribution import processes
from tests.distribution import task
from tests.helpers import numpy_model
from tests.helpers import testing

pytestmark = pytest.mark.slow

_METRIC = numpy_model.SQUARED_EUCLIDEAN
_CENTERS = task.points()[: task.CLUSTERS] + 0.25


def _steps(state, batches):
  for batch in batches:
    state, _ = numpy_model.step(state, batch)
  return state


class ParameterServerTest(tf.test.TestCase):

  def _cluster(self, options, **jobs):
    return processes.Cluster(testing.temporary_folder(self), options, **jobs)

  def test_training_continues_after_any_task_was_killed(self):
    # Only one task trains at a time, so that the order of the batches is known.
    with self._cluster(
        dict(
            kmeans=dict(
                initial_clusters='kmeans_plus_plus',
                mini_batch_steps_per_iteration=2,
            ),
            batches=3,
            checkpoints=4,
            max_steps=15,
            held_inputs=['chief0'],
            gates=dict(chief0=[0, 9], worker0=[2]),
            ends=['worker0'],
        ),
        ps=1,
        chief=1,
        worker=1,
        evaluator=1,
    ) as cluster:
      cluster.start('ps0', 'chief0')
      cluster.wait_for_gate('chief0', 'input')
      cluster.start('worker0')
      # The worker now waits for the centers.
      cluster.wait_for_log('worker0', 'starts at step 0')
      cluster.open_gate('chief0', 'input')
      cluster.wait_for_gate('chief0', 0)
      cluster.wait_for_gate('worker0', 2)
      cluster.kill('worker0')
      cluster.open_gate('worker0', 2)
      cluster.start('worker0', 'evaluator0')
      self.assertEqual(cluster.wait_for('worker0'), (0,))
      self.assertIn('starts at step 2', cluster.log('worker0'))

      cluster.open_gate('chief0', 0)
      cluster.wait_for_gate('chief0', 9)
      cluster.kill('chief0')
      cluster.open_gate('chief0', 9)
      cluster.start('chief0')
      statuses = cluster.wait_for('chief0', 'evaluator0')
      self.assertEqual(statuses, (0, 0), cluster.log('chief0'))
      self.assertIn('starts at step 6', cluster.log('chief0'))

      start = testing.checkpoint_values(
          os.path.join(cluster.model_dir, 'model.ckpt-0')
      )['clusters']
      end = testing.checkpoint_values(cluster.model_dir)
      evaluated = re.findall(
          r'global step (\d+): .*score = (\S+)', cluster.log('evaluator0')
      )
    chief, worker = (task.batches(share, 2, 3) for share in range(2))
    # The initial centers are points of the chief's first batch.
    for center in start:
      self.assertIn(center.tolist(), chief[0].tolist())
    # The worker runs two steps and, after its restart, three. The chief runs
    # one step, on its second batch, before the checkpoint from which it
    # continues.
    state = _steps(
        numpy_model.initial_state(start, _METRIC, 2),
        [*worker[:2], *worker, chief[1], *chief * 3],
    )
    testing.assert_state(end, state)
    self.assertEqual(end['global_step'], 15)
    self.assertEqual(int(evaluated[-1][0]), 15)
    scores = [float(score) for _, score in evaluated]
    self.assertLess(scores[-1], scores[0])
    distances = numpy_model.distances(task.points(), state.clusters, _METRIC)
    self.assertAllClose(scores[-1], distances.min(axis=1).sum(), 1e-4)

  def test_no_update_is_lost(self):
    with self._cluster(
        dict(
            kmeans=dict(initial_clusters=_CENTERS.tolist()),
            batches=2,
            checkpoints=1000,
            max_steps=600,
            summaries=True,
            gates=dict(chief0=[0, 400], worker0=[0]),
        ),
        ps=2,
        chief=1,
        worker=1,
    ) as cluster:
      cluster.start('ps0', 'ps1', 'chief0')
      cluster.wait_for_gate('chief0', 0)
      cluster.start('worker0')
      cluster.wait_for_gate('worker0', 0)
      for name in ('worker0', 'chief0'):
        cluster.open_gate(name, 0)
      # The chief runs its last step after the worker has ended, so that the
      # checkpoint contains complete steps.
      cluster.wait_for_gate('chief0', 400)
      self.assertEqual(cluster.wait_for('worker0'), (0,))
      cluster.open_gate('chief0', 400)
      self.assertEqual(cluster.wait_for('chief0'), (0,))
      end = testing.checkpoint_values(cluster.model_dir)
      summaries = testing.cluster_summaries(cluster.model_dir)
    self.assertEqual(end['global_step'], 601)
    # The chief tells of its own steps, by the number of all.
    self.assertEqual(max(summaries), 601)
    for values in summaries.values():
      self.assertAllClose(values['clusters/share_of_points'].sum, 1)
    rows = len(task.batches(0, 2, 2)[0])
    self.assertEqual(end['Variable'].sum(), task.CLUSTERS + 601 * rows)
    distances = [
        numpy_model.distances(task.points(), centers, _METRIC)
        for centers in (_CENTERS, end['clusters'])
    ]
    before, after = (d.min(axis=1).sum() for d in distances)
    self.assertLess(after, before)

  def test_sigterm_ends_tasks_after_their_step(self):
    with self._cluster(
        dict(
            graceful=True,
            kmeans=dict(initial_clusters=_CENTERS.tolist()),
            batches=2,
            checkpoints=1000,
            max_steps=20,
            gates=dict(chief0=[3, 10], worker0=[6]),
        ),
        ps=1,
        chief=1,
        worker=1,
        evaluator=1,
    ) as cluster:
      cluster.start('ps0', 'chief0')
      cluster.wait_for_gate('chief0', 3)
      cluster.start('worker0', 'evaluator0')
      cluster.wait_for_gate('worker0', 6)
      cluster.open_gate('chief0', 3)
      cluster.wait_for_gate('chief0', 10)
      cluster.terminate('worker0')
      cluster.open_gate('worker0', 6)
      self.assertEqual(cluster.wait_for('worker0'), (-signal.SIGTERM,))
      cluster.terminate('chief0')
      cluster.open_gate('chief0', 10)
      self.assertEqual(cluster.wait_for('chief0'), (-signal.SIGTERM,))
      stopped = testing.checkpoint_values(cluster.model_dir)
      cluster.start('chief0')
      statuses = cluster.wait_for('chief0', 'evaluator0')
      self.assertEqual(statuses, (0, 0), cluster.log('chief0'))
      log = cluster.log('chief0')
      end = testing.checkpoint_values(cluster.model_dir)
    rows = len(task.batches(0, 2, 2)[0])
    # Each of the two tasks completes the step in which it got the signal.
    self.assertEqual(stopped['global_step'], 12)
    self.assertEqual(stopped['Variable'].sum(), task.CLUSTERS + 12 * rows)
    self.assertIn('starts at step 12', log)
    self.assertEqual(end['Variable'].sum(), task.CLUSTERS + 20 * rows)

  def test_bad_input_of_a_worker_changes_nothing(self):
    with self._cluster(
        dict(
            kmeans=dict(use_mini_batch=False, initial_clusters='random'),
            batches=1,
            checkpoints=1,
            max_steps=4,
            gates=dict(chief0=[0]),
            bad_columns=['worker0'],
            bad_values=['worker1'],
        ),
        ps=1,
        chief=1,
        worker=2,
    ) as cluster:
      cluster.start('ps0', 'chief0')
      cluster.wait_for_gate('chief0', 0)
      cluster.start('worker0', 'worker1')
      self.assertEqual(cluster.wait_for('worker0', 'worker1'), (1, 1))
      self.assertIn(
          'The features have 2 columns, but the features of the chief have 3',
          cluster.log('worker0'),
      )
      self.assertRegex(
          cluster.log('worker1'), r'holds NaN or Inf.*\[\[5\]\].*\[\[1\]\]'
      )
      cluster.open_gate('chief0', 0)
      self.assertEqual(cluster.wait_for('chief0'), (0,))
      start = testing.checkpoint_values(
          os.path.join(cluster.model_dir, 'model.ckpt-0')
      )['clusters']
      end = testing.checkpoint_values(cluster.model_dir)
    state = numpy_model.initial_state(start, _METRIC, None)
    state = _steps(state, task.batches(0, 3, 1) * 4)
    testing.assert_state(end, state)


if __name__ == '__main__':
  tf.test.main()
