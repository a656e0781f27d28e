# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tells graphs of this package's Estimator from graphs that others use.

The Estimator fetches no predictions from the graphs in which it trains or
evaluates, and restores the latest checkpoint to train. So the model function
leaves out what such a graph does not need. It builds everything for exports,
and for code that calls the model function itself.
"""

import weakref

import tensorflow as tf

_graphs: 'weakref.WeakSet[tf.Graph]' = weakref.WeakSet()


def add_default() -> None:
  """Adds the default graph, in which the Estimator trains or evaluates."""
  _graphs.add(tf.compat.v1.get_default_graph())


def has_default() -> bool:
  """Returns whether `add_default` was called for the default graph."""
  return tf.compat.v1.get_default_graph() in _graphs
