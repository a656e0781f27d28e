# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cases that run a single step of training, without an Estimator."""

import contextlib
from typing import Dict

import numpy as np
import tensorflow as tf

from benchmarks import data
from benchmarks import optional
from benchmarks import reference
from benchmarks import timing
from kmeans_estimator._compat import placement
from kmeans_estimator.ops import clustering_ops
from kmeans_estimator.ops import graph as graph_lib
from kmeans_estimator.ops import parameters as parameters_lib

tf1 = tf.compat.v1


def lloyd(
    n: int, d: int, k: int, separated: bool = False
) -> Dict[str, timing.Contender]:
  """Measures a full-batch step: allocate all points, update the centers."""
  points, centers = data.clusters(n, d, k, separated)
  contenders = {
      timing.OURS: _graph_step(clustering_ops, points, centers, False),
      timing.PORTABLE: _graph_step(
          clustering_ops, points, centers, False, portable=True
      ),
      'reference': _graph_step(
          reference.clustering_ops, points, centers, False
      ),
      timing.MATMUL: _matmul(points, centers),
  }
  if optional.sklearn:
    contenders['scikit-learn'] = _sklearn_lloyd(points, centers)
  if optional.faiss:
    contenders['faiss'] = _faiss_lloyd(points, centers)
  return contenders


def evaluate(n: int, d: int, k: int) -> Dict[str, timing.Contender]:
  """Measures the loss of a batch, without an Estimator."""
  points, centers = data.clusters(n, d, k)
  contenders = {
      timing.OURS: _graph_loss(clustering_ops, points, centers),
      timing.PORTABLE: _graph_loss(
          clustering_ops, points, centers, portable=True
      ),
      'reference': _graph_loss(reference.clustering_ops, points, centers),
      timing.MATMUL: _matmul(points, centers),
  }
  if optional.sklearn:
    contenders['scikit-learn'] = _sklearn_lloyd(points, centers, update=False)
  return contenders


def shift(n: int, d: int, k: int) -> Dict[str, timing.Contender]:
  """Measures a full-batch step on points far from 0; the op shifts them."""
  points, centers = data.clusters(n, d, k)
  return {
      name: _graph_step(
          clustering_ops, points + offset, centers + offset, False
      )
      for name, offset in (
          (timing.OURS, np.float32(1e5)), ('near 0', np.float32(0))
      )
  }  # pyformat: disable


def mini_batch(n: int, d: int, k: int) -> Dict[str, timing.Contender]:
  """Measures a mini-batch step; `n` is the size of the batch."""
  points, centers = data.clusters(n, d, k)
  contenders = {
      timing.OURS: _graph_step(clustering_ops, points, centers, True),
      timing.PORTABLE: _graph_step(
          clustering_ops, points, centers, True, portable=True
      ),
      'reference': _graph_step(reference.clustering_ops, points, centers, True),
  }
  if optional.sklearn:
    kmeans = optional.sklearn.cluster.MiniBatchKMeans(
        k, init=centers, n_init=1, reassignment_ratio=0
    )
    contenders['scikit-learn'] = timing.Contender(
        lambda: kmeans.partial_fit(points)
    )
  return contenders


def weights(
    n: int, d: int, k: int, use_mini_batch: bool = False
) -> Dict[str, timing.Contender]:
  """Measures a step on points with weights, and a step without weights."""
  points, centers = data.clusters(n, d, k)
  drawn = np.random.default_rng(1).exponential(size=n).astype(np.float32)
  return {
      timing.OURS: _weighted_step(points, centers, use_mini_batch, None),
      timing.WEIGHTED: _weighted_step(points, centers, use_mini_batch, drawn),
  }


def _weighted_step(
    points, centers, use_mini_batch, drawn
) -> timing.Contender:
  parameters = parameters_lib.Parameters(
      num_clusters=len(centers),
      initial_clusters=centers,
      distance_metric=clustering_ops.SQUARED_EUCLIDEAN_DISTANCE,
      seed=None,
      use_mini_batch=use_mini_batch,
      mini_batch_steps_per_iteration=1,
      kmeans_plus_plus_num_retries=2,
  )
  with tf.Graph().as_default() as graph:
    batch, feed = _variable(points)
    given = None
    if drawn is not None:
      given, feed_of_weights = _variable(drawn)
      feed.update(feed_of_weights)
    _, _, init_op, training_op = graph_lib.KMeansGraph(
        batch, parameters, given
    ).training()
    nodes = len(graph.get_operations())
    variables = tf1.global_variables_initializer()
  session = tf1.Session(graph=graph)
  session.run(variables, feed)
  session.run(init_op)
  return timing.Contender(
      session.make_callable(training_op), lambda: {'nodes': nodes}
  )


def _variable(points):
  """Returns a variable that holds the batch, and a feed to initialise it.

  A step reads the variable without a copy, as it reads a batch of tf.data.
  """
  placeholder = tf1.placeholder(tf.float32, points.shape)
  variable = tf1.Variable(placeholder, trainable=False, use_resource=True)
  return variable.read_value(), {placeholder: points}


def _graph(module, points, centers, use_mini_batch, portable):
  """Builds a training graph, and chooses the centers.

  Returns:
    The session, the training op, the loss, and the number of nodes.
  """
  with tf.Graph().as_default() as graph, contextlib.ExitStack() as stack:
    if portable:
      stack.enter_context(placement.portable_ops())
    batch, feed = _variable(points)
    before = len(graph.get_operations())
    training_graph = module.KMeans(
        batch,
        len(centers),
        # The reference accepts only tensors.
        tf.constant(centers),
        use_mini_batch=use_mini_batch,
    ).training_graph()
    loss = tf.reduce_sum(training_graph[2][0])
    nodes = len(graph.get_operations()) - before
    variables = tf1.global_variables_initializer()
  session = tf1.Session(graph=graph)
  session.run(variables, feed)
  initialized, init_op, training_op = training_graph[3:]
  while not session.run(initialized):
    session.run(init_op)
  return session, training_op, loss, nodes


def _graph_step(
    module, points, centers, use_mini_batch, portable=False
) -> timing.Contender:
  session, training_op, _, nodes = _graph(
      module, points, centers, use_mini_batch, portable
  )
  return timing.Contender(
      session.make_callable(training_op), lambda: {'nodes': nodes}
  )


def _graph_loss(module, points, centers, portable=False) -> timing.Contender:
  session, _, loss, _ = _graph(module, points, centers, False, portable)
  return timing.Contender(session.make_callable(loss))


def _matmul(points, centers) -> timing.Contender:
  """Returns a contender that only multiplies points and centers."""
  with tf.Graph().as_default() as graph:
    batch, feed = _variable(points)
    product = tf.matmul(batch, tf.constant(centers), transpose_b=True)
    variables = tf1.global_variables_initializer()
  session = tf1.Session(graph=graph)
  session.run(variables, feed)
  return timing.Contender(session.make_callable(product.op))


def _sklearn_lloyd(points, centers, update=True) -> timing.Contender:
  """Returns a contender that runs the compiled step of scikit-learn's `fit`."""
  # pylint: disable=g-import-not-at-top
  from sklearn.cluster import _k_means_lloyd
  from sklearn.utils import _openmp_helpers
  import threadpoolctl

  k = len(centers)
  state = {'old': centers.copy(), 'new': np.empty_like(centers)}
  weights = np.ones(len(points), np.float32)
  of_clusters = np.zeros(k, np.float32)
  labels = np.zeros(len(points), np.int32)
  shift = np.zeros(k, np.float32)
  threads = _openmp_helpers._openmp_effective_n_threads()

  def run():
    _k_means_lloyd.lloyd_iter_chunked_dense(
        points,
        weights,
        state['old'],
        state['new'],
        of_clusters,
        labels,
        shift,
        threads,
        update,
    )
    if update:
      state['old'], state['new'] = state['new'], state['old']

  # Limits BLAS to one thread, as `fit` does: the step's threads call BLAS.
  return timing.Contender(
      run,
      around=lambda: threadpoolctl.threadpool_limits(limits=1, user_api='blas'),
  )


def _faiss_lloyd(points, centers) -> timing.Contender:
  d = points.shape[1]
  clustering = optional.faiss.Clustering(d, len(centers))
  clustering.niter = 1
  clustering.min_points_per_centroid = 1
  clustering.max_points_per_centroid = len(points)
  clustering.check_input_data_for_NaNs = False
  # `train` starts from the centroids in `clustering`, and stores the new
  # centroids there.
  optional.faiss.copy_array_to_vector(centers.ravel(), clustering.centroids)
  index = optional.faiss.IndexFlatL2(d)
  return timing.Contender(lambda: clustering.train(points, index))
