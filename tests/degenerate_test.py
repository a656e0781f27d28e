# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests degenerate data, such as few distinct points: results are finite."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from kmeans_estimator.ops import clustering_ops
from tests.helpers import implementations
from tests.helpers import numpy_model
from tests.helpers import testing

_DATA = {
    'all alike': (np.full([12, 3], 2.5), 3),
    'fewer distinct points than clusters': (np.eye(3)[np.arange(12) % 2], 3),
    'duplicates': (np.repeat(np.eye(3), 5, axis=0), 3),
    'all zero': (np.zeros([6, 3]), 3),
    'a zero among others': (np.vstack([np.zeros([1, 3]), np.eye(3)]), 3),
    'one point': (np.array([[1.0, -2.0, 3.0]]), 1),
    'one cluster': (np.arange(12.0).reshape([4, 3]), 1),
    'one dimension': (np.arange(8.0)[:, np.newaxis], 3),
    'tiny': (np.vstack([np.eye(3), -np.eye(3)]) * 1e-18, 3),
}
# By the initialization, so that all data are trained on in every mode, and
# tests share graphs.
_MODES = {
    'random': dict(use_mini_batch=True),
    'kmeans_plus_plus': dict(use_mini_batch=False),
    'kmc2': dict(use_mini_batch=True, mini_batch_steps_per_iteration=3),
}


@implementations.native_and_portable
class DegenerateDataTest(parameterized.TestCase):

  @parameterized.product(
      data=tuple(_DATA),
      metric=numpy_model.METRICS,
      init=('random', 'kmeans_plus_plus', 'kmc2'),
  )
  def test_centers_and_scores_are_finite_and_correct(self, data, metric, init):
    points, k = _DATA[data]
    points = np.float32(points)
    graph = testing.TrainingGraph(
        clustering_ops.KMeans,
        points,
        k,
        initial_clusters=init,
        distance_metric=metric,
        random_seed=3,
        kmc2_chain_length=4,
        **_MODES[init],
    )
    for _ in range(k):
      if graph.initialize(points):
        break
    else:
      self.fail('Centers are missing.')
    for _ in range(3):
      graph.step(points)
    centers = graph.values()['clusters']
    all_scores, index, scores = graph.infer(points)
    expected = numpy_model.distances(points, centers, metric)
    self.assertTrue(np.isfinite(centers).all())
    np.testing.assert_allclose(all_scores, expected, 1e-3, 1e-5)
    np.testing.assert_allclose(scores, expected.min(axis=1), 1e-3, 1e-5)
    self.assertGreaterEqual(all_scores.min(), 0)
    np.testing.assert_allclose(
        expected[np.arange(len(points)), index], expected.min(axis=1), atol=1e-5
    )


if __name__ == '__main__':
  absltest.main()
