# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""K-means as a graph: the pieces of this package wired together.

The functions here draw and search exactly as the kernels behind TensorFlow's
ops of the same names; they consist of ops that every device has.
"""

import functools
from typing import Any, Callable, List, NamedTuple, Optional, Tuple, Union

import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import allocation as allocation_lib
from kmeans_estimator.ops import distances
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import points as points_lib
from kmeans_estimator.ops import relocation
from kmeans_estimator.ops import replicas
from kmeans_estimator.ops import seeding
from kmeans_estimator.ops import state as state_lib
from kmeans_estimator.ops import updates

SQUARED_EUCLIDEAN_DISTANCE = distances.SQUARED_EUCLIDEAN_DISTANCE
COSINE_DISTANCE = distances.COSINE_DISTANCE
RANDOM_INIT = seeding.RANDOM_INIT
KMEANS_PLUS_PLUS_INIT = seeding.KMEANS_PLUS_PLUS_INIT
KMC2_INIT = seeding.KMC2_INIT
CLUSTERS_VAR_NAME = state_lib.CLUSTERS_VAR_NAME

kmeans_plus_plus_initialization = seeding.kmeans_plus_plus_initialization
kmc2_chain_initialization = seeding.kmc2_chain_initialization

InitialClusters = Union[str, np.ndarray, tf.Tensor, list, Callable[..., Any]]


def _losses(allocations):
  return [tf.reduce_sum(item.distance) for item in allocations]


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


class Inference(NamedTuple):
  """What a graph says of its points, a list item for each shard of the input.

  Attributes:
    all_distances: `[n, k]`, the distance of each point to each center.
    cluster_index: int64 `[n]`, the nearest center.
    distance: `[n]`, the distance to it.
    loss: scalar, the sum of all `distance`, over all replicas if there are
      several. Evaluating it fails on NaN or Inf.
  """

  all_distances: List[tf.Tensor]
  cluster_index: List[tf.Tensor]
  distance: List[tf.Tensor]
  loss: tf.Tensor


class KMeans:
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
      mini_batch_steps_per_iteration: M.
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
    self._parameters = parameters_lib.Parameters(
        num_clusters=num_clusters,
        initial_clusters=initial_clusters,
        distance_metric=distance_metric,
        seed=random_seed,
        use_mini_batch=use_mini_batch,
        mini_batch_steps_per_iteration=mini_batch_steps_per_iteration,
        kmeans_plus_plus_num_retries=kmeans_plus_plus_num_retries,
        kmc2_chain_length=kmc2_chain_length,
    )
    shards = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    self._inputs = [points_lib.as_points(shard, 'inputs') for shard in shards]
    self._dimensions = self._inputs[0].shape.as_list()[1]
    self._dtype = self._inputs[0].dtype

  @functools.cached_property
  def _points(self) -> List[tf.Tensor]:
    """The shards as pairwise distances and initial centers need them."""
    if self._parameters.distance_metric == COSINE_DISTANCE:
      return [distances.l2_normalize(shard) for shard in self._inputs]
    return self._inputs

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

  def training(
      self,
      read_centers: Callable[..., tf.Tensor] = state_lib.read_centers,
  ) -> Tuple[state_lib.State, Inference, tf.Operation, tf.Operation]:
    """Builds what `training_graph` does, and returns variables and loss too.

    Args:
      read_centers: `state.read_centers`, or `state.read_chosen_centers`, which
        says what is wrong while centers are missing.

    Returns:
      The variables, the batch's `Inference`, `init_op` and `training_op`.
    """
    parameters = self._parameters
    state = state_lib.training_state(
        parameters.num_clusters,
        self._dimensions,
        self._dtype,
        parameters.steps_per_iteration,
    )
    init_op = self._init_op(state)
    if state.update_in_steps is None:
      inference, training_op = self._step(state, read_centers)
      return state, inference, init_op, training_op

    has_rows = self._has_rows()

    def finish_iteration_if_due():
      return updates.finish_iteration_if_due(
          state,
          parameters.mini_batch_steps_per_iteration,
          parameters.centers_are_normalized,
          has_rows,
      )

    # A checkpoint of the first implementation may hold an iteration that has
    # run its steps but has not been finished.
    with tf.control_dependencies([finish_iteration_if_due()]):
      inference, moved = self._step(state, read_centers)
    with tf.control_dependencies([moved]):
      counted = state.update_in_steps.assign_sub(
          1 if has_rows is None else tf.cast(has_rows, tf.int64),
          read_value=False,
      )
    with tf.control_dependencies([counted]):
      return state, inference, init_op, finish_iteration_if_due()

  def _has_rows(self):
    """Whether the batch of all replicas has rows; None if that is known."""
    if all(shard.shape[0] for shard in self._inputs):
      return None
    num_rows = tf.add_n([tf.shape(shard)[0] for shard in self._inputs])
    [num_rows] = replicas.sum_over_replicas([num_rows])
    return num_rows > 0

  def evaluation(self) -> Tuple[state_lib.State, Inference]:
    """Builds the graph that evaluates.

    Returns:
      The variables to be restored, and the batch's `Inference`.
    """
    state, centers = self._restored_centers()
    centers = self._of_same_columns(centers)
    allocations = [
        allocation_lib.nearest(shard, centers, self._parameters.distance_metric)
        for shard in self._inputs
    ]
    losses = _losses(allocations)
    [loss] = replicas.sum_over_replicas([tf.add_n(losses)])
    return state, self._inference(centers, allocations, losses, loss)

  def prediction(
      self,
  ) -> Tuple[state_lib.State, List[tf.Tensor], List[tf.Tensor]]:
    """Builds the graph that predicts; a row of NaN spoils no other row.

    Returns:
      The variables to be restored, and `all_distances` and `cluster_index` as
      in `Inference`.
    """
    state, centers = self._restored_centers()
    scores = [
        distances.scores(shard, centers, self._parameters.distance_metric)
        for shard in self._points
    ]
    return (
        state,
        [shard.distances() for shard in scores],
        [shard.nearest() for shard in scores],
    )

  def _restored_centers(self):
    state = state_lib.inference_state(
        self._parameters.num_clusters, self._dimensions, self._dtype
    )
    centers = state_lib.read_centers(
        state.clusters, self._parameters.num_clusters
    )
    return state, self._direction(centers)

  def _of_same_columns(self, centers):
    """Centers, once the batch is known to have as many columns."""
    if self._dimensions is not None or replicas.are_on_tpu():
      return centers
    checks = [replicas.check_columns(shard, centers) for shard in self._inputs]
    with tf.control_dependencies(checks):
      return tf.identity(centers)

  def _direction(self, centers):
    """Centers as distances are measured to them."""
    if (
        self._parameters.distance_metric == COSINE_DISTANCE
        and not self._parameters.centers_are_normalized
    ):
      return distances.l2_normalize(centers)
    return centers

  def _all_distances(self, centers):
    return [
        distances.pairwise(shard, centers, self._parameters.distance_metric)
        for shard in self._points
    ]

  def _inference(self, centers, allocations, losses, loss):
    def checks():
      return [
          points_lib.assert_finite(shard, item.distance, shard_loss)
          for shard, item, shard_loss in zip(self._inputs, allocations, losses)
      ]

    return Inference(
        all_distances=self._all_distances(centers),
        cluster_index=[item.index for item in allocations],
        distance=[item.distance for item in allocations],
        loss=replicas.checked(loss, checks),
    )

  def _step(self, state, read_centers):
    """One step, but for the bookkeeping of iterations of several steps."""
    parameters = self._parameters
    stored = self._of_same_columns(
        read_centers(state.clusters, parameters.num_clusters)
    )
    centers = self._direction(stored)
    allocations, sums = allocation_lib.allocate(
        self._inputs, centers, parameters.distance_metric
    )
    losses = _losses(allocations)
    values, totals, loss = replicas.sum_over_replicas(
        [sums.values, sums.totals, tf.add_n(losses)]
    )
    sums = sums._replace(values=values, totals=totals)
    inference = self._inference(centers, allocations, losses, loss)

    def move():
      after = [inference.loss]
      if state.counts is None:
        # Replicas exchange points only once the batches of all are checked: a
        # replica that fails would hide its error from one that waits for it.
        with tf.control_dependencies(after):
          relocated = relocation.relocate(
              [
                  relocation.Shard(*shard)
                  for shard in zip(self._inputs, allocations)
              ],
              centers,
              sums,
              parameters.distance_metric,
          )
        return updates.apply_full_batch(
            state, stored, relocated, parameters.centers_are_normalized, after
        )
      moving = stored
      if state.clusters_updated is not None:
        moving = read_centers(state.clusters_updated, parameters.num_clusters)
      return updates.apply_mini_batch(state, moving, sums, after)

    if replicas.are_on_tpu():
      # As nothing fails there, a batch with NaN or Inf has no effect.
      moved = tf.cond(tf.math.is_finite(loss), move, tf.no_op)
    else:
      moved = move()
    return inference, moved

  def _init_op(self, state):
    """Chooses centers from a batch; on a TPU that cannot be done."""
    if replicas.are_on_tpu():
      return None
    own_choice = not isinstance(self._parameters.initial_clusters, str)
    return replicas.once_for_all(
        lambda inputs: self._add_centers(state, inputs, own_choice),
        self._inputs if own_choice else self._points,
    )

  def _add_centers(self, state, inputs, own_choice):
    """Adds the centers that this batch gives to those chosen before."""
    parameters = self._parameters
    # Not from the batch where it is known: given centers are not to use up one.
    columns = self._dimensions or tf.shape(inputs[0])[1]

    def rows(variable):
      # A checkpoint of the first implementation holds a vector without
      # elements where no center has been chosen. Were that not hidden from it,
      # TensorFlow's graph optimizer would find the reshape to change nothing.
      value = tf.compat.v1.placeholder_with_default(
          variable.read_value(), shape=None
      )
      width = columns
      if self._dimensions is None:
        # Their own, so that a batch of another width is seen to be one.
        width = tf.where(tf.size(value) > 0, tf.shape(value)[-1], columns)
      return tf.reshape(value, [-1, width])

    chosen = rows(state.clusters)
    chosen.set_shape([None, self._dimensions])
    new = seeding.choose(
        parameters.initial_clusters,
        inputs,
        chosen,
        parameters.num_clusters,
        seed=parameters.seed,
        num_retries=parameters.kmeans_plus_plus_num_retries,
        chain_length=parameters.kmc2_chain_length,
    )
    if own_choice and parameters.distance_metric == COSINE_DISTANCE:
      new = distances.l2_normalize(new)
    all_chosen = tf.concat([chosen, new], axis=0)
    writes = [state_lib.grow(state.clusters, all_chosen)]
    if state.clusters_updated is not None:
      moving = tf.concat([rows(state.clusters_updated), new], axis=0)
      with tf.control_dependencies([moving]):
        writes.append(state_lib.grow(state.clusters_updated, moving))
    with tf.control_dependencies(writes):
      return state.initialized.assign(
          tf.equal(tf.shape(all_chosen)[0], parameters.num_clusters),
          read_value=False,
      )
