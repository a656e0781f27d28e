# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.ops.sizes."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import sizes


class SizesTest(parameterized.TestCase):

  def test_known_sizes_are_integers_and_add_no_nodes(self):
    with tf.Graph().as_default() as graph:
      matrix = tf.compat.v1.placeholder(tf.float32, [3, 2])
      self.assertEqual((sizes.rows(matrix), sizes.columns(matrix)), (3, 2))
      self.assertLen(graph.get_operations(), 1)

  @parameterized.parameters(
      # static shape, value, nodes for the rows
      ([None], np.zeros([4]), 1),
      ([None, None], np.zeros([4, 5]), 2),
      ([None, 5], np.zeros([0, 5]), 2),
      (None, np.zeros([4, 5]), 5),
  )
  def test_unknown_sizes_are_tensors(self, shape, value, nodes):
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
      tensor = tf.compat.v1.placeholder(tf.float32, shape)
      rows = sizes.rows(tensor)
      self.assertLen(graph.get_operations(), 1 + nodes)
      self.assertEqual(rows.dtype, tf.int32)
      self.assertEqual(session.run(rows, {tensor: value}), len(value))
      if value.ndim == 2:
        columns = tf.convert_to_tensor(sizes.columns(tensor))
        self.assertEqual(session.run(columns, {tensor: value}), 5)

  def test_integers_stay_integers(self):
    self.assertEqual((sizes.minimum(2, 3), sizes.maximum(2, 3)), (2, 3))
    self.assertIsInstance(sizes.static(np.int64(7)), int)
    self.assertEqual(sizes.static(tf.constant(7, tf.int64)), 7)

  def test_tensors_give_tensors(self):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      number = tf.compat.v1.placeholder(tf.int64, [])
      static = sizes.static(number)
      self.assertEqual(static.dtype, tf.int32)
      self.assertEqual(
          session.run(
              [sizes.minimum(static, 3), sizes.maximum(2, static)], {number: 5}
          ),
          [3, 5],
      )


if __name__ == '__main__':
  absltest.main()
