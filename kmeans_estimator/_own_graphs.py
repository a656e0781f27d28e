# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Marks the graphs in which this package's Estimator trains or evaluates.

The Estimator fetches no predictions from the graphs in which it trains or
evaluates, and restores the latest checkpoint to train. So the model function
leaves out what such a graph does not need. It builds everything for exports,
and for code that calls the model function itself.
"""

import weakref

import tensorflow as tf

_graphs: 'weakref.WeakSet[tf.Graph]' = weakref.WeakSet()


def mark_default() -> None:
  """Marks the default graph: the Estimator trains or evaluates in it."""
  _graphs.add(tf.compat.v1.get_default_graph())


def is_default_marked() -> bool:
  """Returns whether `mark_default` was called for the default graph."""
  return tf.compat.v1.get_default_graph() in _graphs
