# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""K-means in a graph, under the names of TensorFlow's `clustering_ops`.

With the same seed, the functions of this module return on every device what
TensorFlow's CPU kernels of the same names return, except for rounding errors.
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
  """Finds the `k` nearest centers of each point, in order of distance.

  Args:
    points: float32 `[n, d]`.
    centers: float32 `[m, d]`.
    k: integer scalar, the number of centers to return for each point. If `k`
      exceeds `m`, all `m` centers are returned.

  Returns:
    Two tensors:
    * int64 `[n, min(k, m)]`, the indices of the nearest centers, nearest first.
      If two computed distances are equal, the center with the lower index comes
      first.
    * `[n, min(k, m)]`, the squared Euclidean distances to these centers.
  """
  points = points_lib.as_points(points, 'points')
  centers = points_lib.as_points(centers, 'centers')
  m = tf.shape(centers)[0]
  # Distances need at least one center.
  missing = tf.cast(tf.equal(m, 0), tf.int32)
  all_distances = distances.pairwise(
      points,
      tf.pad(centers, [[0, missing], [0, 0]]),
      SQUARED_EUCLIDEAN_DISTANCE,
  )
  k = tf.minimum(tf.cast(k, tf.int32), m)
  nearest, indices = tf.math.top_k(-all_distances, k)
  return tf.cast(indices, tf.int64), -nearest


class KMeans(graph.KMeansGraph):
  """Builds the graph of k-means clustering.

  Full batch (`use_mini_batch=False`): each step is one Lloyd iteration (S.
  Lloyd, "Least squares quantization in PCM", 1982) over all points. The points
  may be a list of shards.

  Mini-batch: each step moves the centers towards the points of one batch. The
  more points a center has averaged, the less it moves (D. Sculley, "Web-scale
  k-means clustering", 2010). With M = `mini_batch_steps_per_iteration` above 1,
  the model holds two copies of the centers. Points are allocated to the first
  copy, and predictions use it. Steps move the second copy. At the end of every
  M-th step, the second copy replaces the first.

  A step reads the centers and the counts before it writes either, so identical
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
      kmc2_chain_length: int = parameters_lib.Parameters.kmc2_chain_length,
  ):
    """Validates the arguments; adds only casts and shape checks to the graph.

    Args:
      inputs: numbers `[n, d]`: the batch, or a list of its shards. float64
        input is clustered in float64, input of any other dtype in float32.
      num_clusters: k, a positive integer or integer scalar tensor. Ignored if
        `initial_clusters` is an array or tensor.
      initial_clusters: the initial centers, or the method that chooses them:
        * `RANDOM_INIT`: distinct points, drawn uniformly.
        * `KMEANS_PLUS_PLUS_INIT`: k-means++ (D. Arthur and S. Vassilvitskii,
          "k-means++: The Advantages of Careful Seeding", 2007).
        * `KMC2_INIT`: k-MC2 (O. Bachem et al., "Approximate K-Means++ in
          Sublinear Time", 2016).
        * an array or tensor `[k, d]`.
        * a function `f(inputs, k)`. `inputs` is the batch as a list of shards,
          `k` is the number of missing centers. The function returns at most `k`
          centers as a matrix.
      distance_metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`.
      use_mini_batch: whether to use the mini-batch rule.
      mini_batch_steps_per_iteration: M, see the class.
      random_seed: seed of the random draws that choose the initial centers.
        None: the graph's seed decides. If the graph has no seed either, every
        graph draws differently.
      kmeans_plus_plus_num_retries: number of extra candidates that k-means++
        draws for each center; the best candidate becomes the center. Negative:
        `2 + floor(ln k)`.
      kmc2_chain_length: number of points from which k-MC2 chooses one center. A
        batch with fewer points gives one center.

    Raises:
      TypeError: an argument has the wrong type.
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

    One worker runs `init_op` until `cluster_centers_initialized` is true. After
    that, any number of workers may run `training_op`.

    Returns:
      A tuple of
      * `all_scores`: a list of matrices `[n, k]`, one per shard of the input:
        the distance of each point to each center.
      * `cluster_idx`: a list of int64 vectors `[n]`, one per shard: the index
        of the nearest center of each point.
      * `scores`: a list of vectors `[n]`, one per shard: the distance of each
        point to its nearest center.
      * `cluster_centers_initialized`: bool variable, whether all centers have
        been chosen.
      * `init_op`: chooses as many of the missing centers as the batch gives.
        Raises `InvalidArgumentError` if the batch holds NaN or Inf, or too few
        rows for k-means++.
      * `training_op`: makes one step. Raises `InvalidArgumentError` if the
        batch holds NaN or Inf, or if centers are missing. A step that fails
        changes no variable.
    """
    # A caller of this method may run a step before all centers are chosen; an
    # Estimator does not. So the error must say how many centers are missing.
    state, inference, init_op, training_op = self.training(
        read_centers=state_lib.read_chosen_centers
    )
    return (
        self.all_distances(inference.centers),
        inference.cluster_index,
        inference.distance,
        state.initialized,
        init_op,
        training_op,
    )
