# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests nearest neighbors against TensorFlow's CPU kernel."""

import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import clustering_ops
from tests.helpers import testing

_RUNS = 50


class NearestNeighborsTest(tf.test.TestCase):

  def test_neighbors_equal_those_of_the_kernel(self):
    random = np.random.RandomState(0)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      points = tf.compat.v1.placeholder(tf.float32, [None, None])
      centers = tf.compat.v1.placeholder(tf.float32, [None, None])
      k = tf.compat.v1.placeholder(tf.int64, [])
      fetches = (
          testing.kernels.nearest_neighbors(points, centers, k),
          clustering_ops.nearest_neighbors(points, centers, k),
      )
      for run in range(_RUNS):
        n, m, d = random.randint(1, 300), random.randint(1, 40), run % 13 + 1
        values = {
            # One neighbor, several, and more than the number of centers.
            k: (1, random.randint(1, m + 1), m + 3)[run % 3],
            points: random.normal(size=[n, d]),
            centers: random.normal(size=[m, d]),
        }
        (expected, distances), (index, own) = session.run(fetches, values)
        self.assertEqual(index.dtype, expected.dtype)
        self.assertAllClose(own, distances, rtol=1e-4, atol=1e-5)
        # The neighbors may differ from the kernel's only if rounding decides.
        exact = np.square(
            values[points][:, np.newaxis] - values[centers]
        ).sum(axis=2)
        self.assertAllClose(
            np.take_along_axis(exact, index, 1),
            np.take_along_axis(exact, expected, 1),
            rtol=1e-4,
            atol=1e-5,
        )
        self.assertGreaterEqual(np.mean(index == expected), 0.999)

  def test_no_centers_give_no_neighbors(self):
    for shape in ([0, 2], [None, 2]):
      with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        points = tf.ones([4, 2])
        centers = tf.compat.v1.placeholder_with_default(
            np.ones([0, 2], np.float32), shape
        )
        expected, own = session.run((
            testing.kernels.nearest_neighbors(points, centers, 3),
            clustering_ops.nearest_neighbors(points, centers, 3),
        ))
        for ours, theirs in zip(own, expected):
          self.assertAllEqual(ours, theirs)
          self.assertEqual(ours.shape, (4, 0))
          self.assertEqual(ours.dtype, theirs.dtype)


if __name__ == '__main__':
  tf.test.main()
