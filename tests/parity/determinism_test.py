# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that identical runs give bit-identical results."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

import kmeans_estimator
from kmeans_estimator.ops import clustering_ops
from tests.helpers import implementations
from tests.helpers import testing

RUNS = 10
# Fewer, because an Estimator builds its graph in every run.
ESTIMATOR_RUNS = 4
MODES = {
    'full batch': dict(use_mini_batch=False),
    'mini-batch': dict(use_mini_batch=True),
    'three steps': dict(use_mini_batch=True, mini_batch_steps_per_iteration=3),
}
# So many points that TensorFlow divides ops among threads.
POINTS, CENTERS = testing.blobs(4000, 16, 20, seed=6)


class _DeterminismTestCase(parameterized.TestCase):

  def assert_identical(self, runs):
    for values in runs[1:]:
      self.assertCountEqual(values, runs[0])
      for name, value in values.items():
        self.assertEqual(value.tobytes(), runs[0][name].tobytes(), name)


@implementations.on_every_implementation
class GraphTest(_DeterminismTestCase):

  def run_graphs(self, **kwargs):
    """Trains `RUNS` times, in two graphs; returns the variables of each run."""
    return [
        self.run_graph(copy=int(run == 0), **kwargs) for run in range(RUNS)
    ]

  def run_graph(self, **kwargs):
    graph = testing.TrainingGraph(
        clustering_ops.KMeans, POINTS, len(CENTERS), **kwargs
    )
    while not graph.initialize(POINTS[:1000]):
      pass
    for start in range(0, 4000, 500):
      graph.step(POINTS[start : start + 500])
    return graph.values()

  @parameterized.product(
      mode=tuple(MODES), metric=('squared_euclidean', 'cosine')
  )
  def test_steps_are_bit_identical(self, mode, metric):
    self.assert_identical(
        self.run_graphs(
            initial_clusters=CENTERS, distance_metric=metric, **MODES[mode]
        )
    )

  @parameterized.product(init=('random', 'kmeans_plus_plus', 'kmc2'))
  def test_seeded_initializations_are_bit_identical(self, init):
    self.assert_identical(
        self.run_graphs(initial_clusters=init, random_seed=7)
    )


@implementations.native_and_portable
class EstimatorTest(_DeterminismTestCase):

  @parameterized.parameters(
      ('full batch', 'random', dict(seed=5)),
      ('mini-batch', 'kmeans_plus_plus', dict(config_seed=5)),
      ('three steps', 'kmc2', dict(seed=5, config_seed=5)),
  )
  def test_checkpoints_are_bit_identical(self, mode, init, seeds):
    checkpoints = []
    for _ in range(ESTIMATOR_RUNS):
      kmeans = kmeans_estimator.KMeans(
          5,
          testing.temporary_folder(self),
          initial_clusters=init,
          seed=seeds.get('seed'),
          config=testing.run_config(tf_random_seed=seeds.get('config_seed')),
          **MODES[mode],
      )
      kmeans.train(testing.input_fn(*np.split(POINTS, 8)), steps=5)
      checkpoints.append(testing.checkpoint_values(kmeans.model_dir))
    self.assertEqual(checkpoints[0]['global_step'], 5)
    self.assert_identical(checkpoints)


if __name__ == '__main__':
  absltest.main()
