# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Assertions for graphs that run on any device."""

from typing import Any

import tensorflow as tf


def assert_that(
    condition: tf.Tensor, *message: Any, max_named: int = 16
) -> tf.Operation:
  """Fails with a message unless a condition holds.

  Args:
    condition: bool scalar.
    *message: strings, numbers and tensors, which TensorFlow joins by spaces.
    max_named: the largest number of elements of a tensor in the message.

  Returns:
    An op that raises `InvalidArgumentError`; None in eager execution.
  """
  # String tensors live on the host, so pin this assert to the CPU, even inside
  # a `tf.device` scope of another device.
  with tf.device('/CPU:0'):
    return tf.raw_ops.Assert(
        condition=condition, data=message, summarize=max_named
    )
