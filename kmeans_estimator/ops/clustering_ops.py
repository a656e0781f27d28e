# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""K-means at graph level, under the documented names.

The functions here draw and search exactly as the kernels behind TensorFlow's
ops of the same names; they consist of ops that every device has.
"""

from typing import Any, Callable, List, Optional, Tuple, Union

import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import distances
from kmeans_estimator.ops import graph
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import points as points_lib
from kmeans_estimator.ops import seeding
from kmeans_estimator.ops import state as state_lib

SQUARED_EUCLIDEAN_DISTANCE = distances.SQUARED_EUCLIDEAN_DISTANCE
COSINE_DISTANCE = distances.COSINE_DISTANCE
RANDOM_INIT = seeding.RANDOM_INIT
KMEANS_PLUS_PLUS_INIT = seeding.KMEANS_PLUS_PLUS_INIT
KMC2_INIT = seeding.KMC2_INIT
CLUSTERS_VAR_NAME = state_lib.CLUSTERS_VAR_NAME

kmeans_plus_plus_initialization = seeding.kmeans_plus_plus_initialization
kmc2_chain_initialization = seeding.kmc2_chain_initialization

InitialClusters = Union[str, np.ndarray, tf.Tensor, list, Callable[..., Any]]


def nearest_neighbors(
    points: tf.Tensor, centers: tf.Tensor, k: Union[int, tf.Tensor]
) -> Tuple[tf.Tensor, tf.Tensor]:
  """The `k` centers nearest to each point, nearest first.

  Args:
    points: float32 `[n, d]`.
    centers: float32 `[m, d]`.
    k: integer scalar; no more than `m` are returned.

  Returns:
    Two tensors:
    * int64 `[n, min(k, m)]`, the indices of the nearest centers; the earlier
      center first where two are equally far.
    * `[n, min(k, m)]`, the squared Euclidean distances.
  """
  points = points_lib.as_points(points, 'points')
  centers = points_lib.as_points(centers, 'centers')
  all_distances = distances.pairwise(
      points, centers, SQUARED_EUCLIDEAN_DISTANCE
  )
  k = tf.minimum(tf.cast(k, tf.int32), tf.shape(centers)[0])
  nearest, indices = tf.math.top_k(-all_distances, k)
  return tf.cast(indices, tf.int64), -nearest


class KMeans(graph.KMeansGraph):
  """Builds the graph of k-means clustering.

  Full batch (`use_mini_batch=False`): each step is one of Lloyd's iterations
  (S. Lloyd, "Least squares quantization in PCM", 1982) on all points, which may
  come as a list of shards.

  Mini-batch: each step moves centers towards the points of one batch, at a rate
  that falls with the number of points a center has seen (D. Sculley, "Web-scale
  k-means clustering", 2010). With M = `mini_batch_steps_per_iteration` above 1
  there are two copies of the centers. Steps move the second one; points are
  allocated to, and predictions made with, the first one, to which the second
  is copied at the end of every M-th step.

  A step reads centers and counts as they stood when it began, so that identical
  runs give identical results.

  Example, in a graph:

  ```python
  kmeans = clustering_ops.KMeans(points, num_clusters=3, random_seed=1)
  _, _, distances, initialized, init_op, training_op = kmeans.training_graph()
  with tf.compat.v1.Session() as session:
    session.run(tf.compat.v1.global_variables_initializer())
    while not session.run(initialized):
      session.run(init_op)
    for _ in range(10):
      session.run(training_op)
  ```
  """

  def __init__(
      self,
      inputs: Union[tf.Tensor, List[tf.Tensor]],
      num_clusters: Union[int, tf.Tensor],
      initial_clusters: InitialClusters = RANDOM_INIT,
      distance_metric: str = SQUARED_EUCLIDEAN_DISTANCE,
      use_mini_batch: bool = False,
      mini_batch_steps_per_iteration: int = 1,
      random_seed: Optional[int] = 0,
      kmeans_plus_plus_num_retries: int = 2,
      kmc2_chain_length: int = 200,
  ):
    """Validates and stores the arguments; adds nothing to the graph but casts.

    Args:
      inputs: numbers `[n, d]`, the batch, or a list of such shards of it.
        float64 is clustered in float64, all else in float32.
      num_clusters: k, a positive integer or integer scalar tensor. Ignored if
        `initial_clusters` is an array or tensor.
      initial_clusters: how the centers are chosen: `RANDOM_INIT` (distinct
        points, uniformly), `KMEANS_PLUS_PLUS_INIT` (D. Arthur and S.
        Vassilvitskii, 2007), `KMC2_INIT` (O. Bachem et al., "Approximate
        K-Means++ in Sublinear Time", 2016), an array or tensor `[k, d]`, or a
        function `f(inputs, k)` that returns up to `k` rows for a list of
        batches.
      distance_metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.
      use_mini_batch: whether to use the mini-batch rule.
      mini_batch_steps_per_iteration: M, see above.
      random_seed: seed of the draws; different seeds draw differently. None:
        the graph's seed, or without one fresh draws for every graph.
      kmeans_plus_plus_num_retries: additional candidates for each center, of
        which the best is taken; negative: `2 + floor(ln k)` of them.
      kmc2_chain_length: points looked at for one center. A smaller batch gives
        one center.

    Raises:
      TypeError: an argument has a wrong type.
      ValueError: an argument has a value that is not allowed.
    """
    super().__init__(
        inputs,
        parameters_lib.Parameters(
            num_clusters=num_clusters,
            initial_clusters=initial_clusters,
            distance_metric=distance_metric,
            seed=random_seed,
            use_mini_batch=use_mini_batch,
            mini_batch_steps_per_iteration=mini_batch_steps_per_iteration,
            kmeans_plus_plus_num_retries=kmeans_plus_plus_num_retries,
            kmc2_chain_length=kmc2_chain_length,
        ),
    )

  def training_graph(
      self,
  ) -> Tuple[
      List[tf.Tensor],
      List[tf.Tensor],
      List[tf.Tensor],
      tf.Variable,
      tf.Operation,
      tf.Operation,
  ]:
    """Builds the graph that initialises and trains.

    One worker runs `init_op` until `cluster_centers_initialized` is true; then
    any number of workers may run `training_op`.

    Returns:
      A tuple of
      * `all_scores`: a list with a matrix `[n, k]` for each shard of the input,
        the distance of each point to each center.
      * `cluster_idx`: likewise int64 `[n]`, the center of each point.
      * `scores`: likewise `[n]`, the distance of each point to its center.
      * `cluster_centers_initialized`: bool variable, whether all centers have
        been chosen.
      * `init_op`: chooses centers, as many as the batch gives. Raises
        `InvalidArgumentError` on NaN or Inf, or too few rows for k-means++.
      * `training_op`: makes one step. Raises `InvalidArgumentError` on NaN or
        Inf in the batch, or while centers are missing, before any variable
        changes.
    """
    # An Estimator runs no step before all centers are chosen. Here the caller
    # may, and is to be told.
    state, inference, init_op, training_op = self.training(
        read_centers=state_lib.read_chosen_centers
    )
    return (
        inference.all_distances,
        inference.cluster_index,
        inference.distance,
        state.initialized,
        init_op,
        training_op,
    )
