# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cases that choose initial centers."""

from typing import Dict

import tensorflow as tf

from benchmarks import data
from benchmarks import optional
from benchmarks import reference
from benchmarks import timing
from kmeans_estimator.ops import clustering_ops

tf1 = tf.compat.v1

# Candidates of k-means++ for each center, in addition to the first candidate.
_RETRIES = 2


def kmeans_plus_plus(n: int, d: int, k: int) -> Dict[str, timing.Contender]:
  """Measures k-means++ with three candidates for each center."""
  points, _ = data.clusters(n, d, k)
  contenders = {}
  for name, function in (
      (timing.OURS, clustering_ops.kmeans_plus_plus_initialization),
      ('reference', reference.kmeans_plus_plus_initialization),
  ):
    with tf.Graph().as_default() as graph:
      placeholder = tf1.placeholder(tf.float32, points.shape)
      batch = tf1.Variable(placeholder, trainable=False, use_resource=True)
      chosen = function(batch.read_value(), k, 1, _RETRIES)
      variables = tf1.global_variables_initializer()
    session = tf1.Session(graph=graph)
    session.run(variables, {placeholder: points})
    contenders[name] = _with_inertia(session.make_callable(chosen), points)
  if optional.sklearn:
    contenders['scikit-learn'] = _with_inertia(
        lambda: optional.sklearn.cluster.kmeans_plusplus(
            points, k, random_state=1, n_local_trials=1 + _RETRIES
        )[0],
        points,
    )
  return contenders


def kmc2(n: int, d: int, k: int) -> Dict[str, timing.Contender]:
  """Measures k-MC2, with one center from each of `k` batches of `n` points."""
  points, _ = data.clusters(n, d, k)
  contenders = {}
  for name, module in (
      (timing.OURS, clustering_ops),
      ('reference', reference.clustering_ops),
  ):
    with tf.Graph().as_default() as graph:
      placeholder = tf1.placeholder(tf.float32, points.shape)
      batch = tf1.Variable(placeholder, trainable=False, use_resource=True)
      init_op = module.KMeans(
          batch.read_value(), k, clustering_ops.KMC2_INIT, random_seed=1
      ).training_graph()[4]
      # Initialises all variables except the batch, which is the first variable.
      start = tf1.variables_initializer(tf1.global_variables()[1:])
    session = tf1.Session(graph=graph)
    session.run(batch.initializer, {placeholder: points})
    contenders[name] = timing.Contender(_initialize(session, start, init_op, k))
  return contenders


def _initialize(session, start, init_op, k):
  start, choose = session.make_callable(start), session.make_callable(init_op)

  def run():
    start()
    for _ in range(k):
      choose()

  return run


def _with_inertia(choose, points) -> timing.Contender:
  """Returns a contender that also reports the inertia of its centers."""
  return timing.Contender(
      choose, lambda: {'inertia': data.inertia(points, choose())}
  )
