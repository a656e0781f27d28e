# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tells inputs that give new batches, or end, from inputs that never change.

A Dataset is a stream of batches. A tensor is a stream if a reader, a queue, a
Python function or a hook gives it a new value in each step. Every other tensor
is the same batch in each step.
"""

import re
from typing import Any
import weakref

import tensorflow as tf

# Types of ops by which an input without tf.data gives a new batch in each step,
# or ends: readers, queues, `limit_epochs`, Python functions, and placeholders
# that a hook feeds.
_STREAM = re.compile(
    'Iterator|Reader|Dequeue|Unstage|RecordInput|CountUpTo|PyFunc|'
    'Placeholder(V2)?$'
)

_graphs_of_one_batch: 'weakref.WeakSet[tf.Graph]' = weakref.WeakSet()


def look_at_input(result: Any) -> None:
  """Finds out whether an input is a stream.

  Call it in the graph of the input, before the graph has other ops: a feature
  column may run a Python function on a batch that never changes.

  Args:
    result: the return value of the `input_fn`.
  """
  graph = tf.compat.v1.get_default_graph()
  if not isinstance(result, tf.data.Dataset) and not any(
      _STREAM.search(op.type) for op in graph.get_operations()
  ):
    _graphs_of_one_batch.add(graph)


def repeats_one_batch(graph: tf.Graph) -> bool:
  """Returns whether `look_at_input` found that the input is no stream."""
  return graph in _graphs_of_one_batch
