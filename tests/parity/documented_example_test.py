# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests the example in the documentation of TensorFlow's KMeans."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from tests.helpers import testing

# This package and the reference.
ESTIMATORS = kmeans_estimator.KMeans, testing.ReferenceKMeans
NUM_POINTS, NUM_CLUSTERS, ROUNDS = 100, 5, 10


def one_epoch(points):
  """Returns the documented `input_fn`, which yields all points once."""

  def features():
    every_point = tf.constant(points, tf.float32)
    return tf.compat.v1.train.limit_epochs(every_point, num_epochs=1)

  return features


class DocumentedExampleTest(parameterized.TestCase):

  def test_ten_rounds_lower_the_score(self):
    points = np.random.RandomState(0).uniform(0, 1000, [NUM_POINTS, 2])
    input_fn = one_epoch(points)

    # The documented arguments, plus a seed: with an unlucky draw, training
    # would start in a local minimum, and the score would not change.
    kmeans = kmeans_estimator.KMeans(NUM_CLUSTERS, use_mini_batch=False, seed=1)
    centers, scores = [], []
    for _ in range(ROUNDS):
      kmeans.train(input_fn)
      centers.append(kmeans.cluster_centers())
      scores.append(kmeans.score(input_fn))
    indices = list(kmeans.predict_cluster_index(input_fn))

    self.assertLess(scores[-1], 0.9 * scores[0])
    for before, after in zip(scores, scores[1:]):
      self.assertLessEqual(after, before * (1 + 1e-6))
    to_all = ((points[:, np.newaxis] - centers[-1]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(indices, to_all.argmin(axis=1))
    np.testing.assert_allclose(scores[-1], to_all.min(axis=1).sum(), 1e-4)

  def test_rounds_equal_those_of_the_reference(self):
    points = np.random.RandomState(1).uniform(0, 1000, [NUM_POINTS, 2])
    input_fn = one_epoch(points)

    rounds = []
    for kmeans_class in ESTIMATORS:
      kmeans = kmeans_class(
          NUM_CLUSTERS,
          testing.temporary_folder(self),
          initial_clusters=np.float32(points[:NUM_CLUSTERS]),
          use_mini_batch=False,
      )
      rounds.append([])
      for _ in range(3):
        kmeans.train(input_fn)
        rounds[-1].append([kmeans.score(input_fn), *kmeans.cluster_centers()])
    for ours, reference in zip(*rounds):
      np.testing.assert_allclose(ours[0], reference[0], 1e-4)
      np.testing.assert_allclose(ours[1:], reference[1:], 1e-4)


if __name__ == '__main__':
  absltest.main()
