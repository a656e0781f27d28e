# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that a step on a batch without rows changes only `global_step`."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator.ops import clustering_ops
from tests.helpers import implementations
from tests.helpers import numpy_model
from tests.helpers import testing

_POINTS, _CENTERS = testing.blobs(30, 3, 4, seed=0)
_NO_ROWS = _POINTS[:0]
_RULES = (None, 1, 3)


def _rule(steps_per_iteration):
  return dict(
      use_mini_batch=steps_per_iteration is not None,
      mini_batch_steps_per_iteration=steps_per_iteration or 1,
  )


@implementations.native_and_portable
class GraphTest(parameterized.TestCase):

  @parameterized.product(
      metric=numpy_model.METRICS,
      m=_RULES,
      dtype=(np.float32, np.float64),
  )
  def test_step_without_rows_changes_no_variable(self, metric, m, dtype):
    points, centers = _POINTS.astype(dtype), _CENTERS.astype(dtype)
    graph = testing.TrainingGraph(
        clustering_ops.KMeans,
        points,
        len(centers),
        initial_clusters=centers,
        distance_metric=metric,
        **_rule(m),
    )
    self.assertTrue(graph.initialize(points))
    for _ in range(m or 1):  # At each step of an iteration.
      before = graph.values()
      inference = graph.infer_and_step(points[:0])
      self.assertEqual(inference.all_distances.shape, (0, 4))
      self.assertEqual(inference.index.shape, (0,))
      np.testing.assert_equal(graph.values(), before)
      graph.step(points)
      self.assertFalse(
          all(
              np.array_equal(value, before[name])
              for name, value in graph.values().items()
          )
      )

  @parameterized.parameters(*numpy_model.METRICS)
  def test_step_without_rows_keeps_a_pending_copy_of_the_reference(
      self, metric
  ):
    graph = testing.TrainingGraph(
        clustering_ops.KMeans,
        _POINTS,
        len(_CENTERS),
        initial_clusters=_CENTERS,
        distance_metric=metric,
        **_rule(3),
    )
    graph.initialize(_POINTS)
    graph.step(_POINTS)
    # The reference copies the centers only at the start of the next step.
    graph.assign('update_in_steps', 0)
    before = graph.values()
    graph.step(_NO_ROWS)
    np.testing.assert_equal(graph.values(), before)
    state = testing.state_of(before, metric, 3)
    graph.step(_POINTS)
    testing.assert_state(
        graph.values(), numpy_model.step(state, _POINTS)[0]
    )


@implementations.native_and_portable
class EstimatorTest(parameterized.TestCase):

  @parameterized.product(m=_RULES, replicas=(1, 2))
  def test_training_on_batches_without_rows_equals_the_numpy_model(
      self, m, replicas
  ):
    tf.config.set_soft_device_placement(True)
    strategy = (
        tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])
        if replicas == 2
        else None
    )
    kmeans = kmeans_estimator.KMeans(
        len(_CENTERS),
        initial_clusters=_CENTERS,
        config=testing.run_config(
            train_distribute=strategy,
            session_config=testing.cpus(2),
        ),
        **_rule(m),
    )
    # One pair per step, with the batches of two replicas. The second replica
    # has no rows in the first two steps, the first replica has none in the
    # third step, and neither has any in the last step.
    steps = [
        (_POINTS[:10], _NO_ROWS),
        (_POINTS[10:], _NO_ROWS),
        (_NO_ROWS, _POINTS[5:25]),
        (_NO_ROWS, _NO_ROWS),
    ]
    if replicas == 2:
      batches = [shard for step in steps for shard in step]
    else:
      batches = [np.concatenate(step) for step in steps]
    kmeans.train(testing.input_fn(*batches))
    state = numpy_model.initial_state(
        _CENTERS, numpy_model.SQUARED_EUCLIDEAN, m
    )
    for step in steps:
      state, _ = numpy_model.step(state, np.concatenate(step))
    values = testing.checkpoint_values(kmeans.model_dir)
    testing.assert_state(values, state)
    self.assertEqual(values['global_step'], len(steps))


if __name__ == '__main__':
  absltest.main()
