# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Ops that fail with a message, wherever the graph around them runs."""

from typing import Any

import tensorflow as tf


def assert_that(
    condition: tf.Tensor, *message: Any, max_named: int = 16
) -> tf.Operation:
  """Fails with a message unless a condition holds.

  Args:
    condition: bool scalar.
    *message: strings, numbers and tensors, which are joined by spaces.
    max_named: how many elements of a tensor the message gives.

  Returns:
    An op that raises `InvalidArgumentError`; None where ops run eagerly.
  """
  # Only a host takes text, also where all else is told to be elsewhere.
  with tf.device('/CPU:0'):
    return tf.raw_ops.Assert(
        condition=condition, data=message, summarize=max_named
    )
