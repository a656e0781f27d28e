# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._compat.log_filter."""

import logging
import os

import tensorflow as tf

from kmeans_estimator._compat import log_filter


class LogFilterTest(tf.test.TestCase):

  def test_drops_only_useless_deprecations(self):
    inside = os.path.join(os.path.dirname(tf.__file__), 'python', 'x.py:3')
    old = 'From %s: %s (from %s) is deprecated and will be removed %s.\n%s'
    renamed = 'From %s: The name %s is deprecated. Please use %s instead.\n'
    dropped = [
        (old, 'user.py:1', 'Estimator', 'm', 'later', 'Use tf.keras instead.'),
        (old, inside, 'get_checkpoint_mtimes', 'm', 'later', 'Use files.'),
        (renamed, 'user.py:1', 'tf.estimator.inputs', 'tf.compat.v1.e'),
    ]
    kept = [
        (old, 'user.py:1', 'limit_epochs', 'm', 'later', 'Use tf.data.'),
        (renamed, 'user.py:1', 'tf.placeholder', 'tf.compat.v1.placeholder'),
        ('Loss for final step: %s.', 1.0),
        ('100% done',),
        ('%s is deprecated', 'x'),
        ('%(name)s is deprecated', {'name': 'x'}),
    ]
    log_filter.install()
    with self.assertLogs(tf.get_logger(), logging.WARNING) as logs:
      for message, *args in dropped + kept:
        tf.get_logger().warning(message, *args)
    self.assertEqual([record.msg for record in logs.records],
                     [message for message, *_ in kept])


if __name__ == '__main__':
  tf.test.main()
