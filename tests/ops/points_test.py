# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.ops.points."""

import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import points as points_lib


def _check(values):
  values = np.asarray(values, np.float32)
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    distance = tf.reduce_sum(tf.square(values), axis=1)
    session.run(
        points_lib.assert_finite(values, distance, tf.reduce_sum(distance))
    )


class AssertFiniteTest(tf.test.TestCase):

  def test_finite_points_pass(self):
    _check(np.zeros([4, 2]))
    _check(np.zeros([0, 2]))

  def test_error_names_rows_and_columns(self):
    values = np.zeros([9, 3])
    values[2, 1] = np.nan
    values[7, 0] = np.inf
    values[7, 2] = -np.inf
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError,
        r'NaN or Inf.*five:\] \[\[2\]\[7\]\] \[columns:\] \[\[0\]\[1\]\[2\]\]',
    ):
      _check(values)

  def test_error_names_at_most_five_rows_and_columns(self):
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError,
        r'five:\] \[\[0\]\[1\]\[2\]\[3\]\[4\]...\] \[columns:\] \[\[0\]\[1\]\]',
    ):
      _check(np.full([50, 2], np.nan))

  def test_error_names_rows_whose_squares_overflow(self):
    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError,
        r'overflow.*five:\] \[\[1\]\] \[columns:\] \[\]',
    ):
      _check([[0, 0], [1e30, 0], [1, 1]])


if __name__ == '__main__':
  tf.test.main()
