# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Builds the graphs that train, evaluate and predict with k-means."""

import functools
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple, Union

import tensorflow as tf

from kmeans_estimator.ops import allocation as allocation_lib
from kmeans_estimator.ops import distances
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import points as points_lib
from kmeans_estimator.ops import relocation
from kmeans_estimator.ops import replicas
from kmeans_estimator.ops import seeding
from kmeans_estimator.ops import sizes
from kmeans_estimator.ops import state as state_lib
from kmeans_estimator.ops import updates


class Inference(NamedTuple):
  """The results for a batch; lists have one item per shard of the input.

  Attributes:
    centers: `[k, d]`, the centers that points were allocated to; for the cosine
      metric with rows of unit length or 0.
    cluster_index: int64 `[n]`, the nearest center of each point.
    distance: `[n]`, the distance of each point to its nearest center.
    loss: scalar, the sum of all distances to the nearest centers, each times
      the weight of its point, over all shards and replicas. Evaluating the loss
      fails if it is NaN or Inf; on a TPU it does not fail.
    totals: `[k]`, for each center the number of points nearest to it, or the
      sum of their weights, over all shards and replicas; None unless the graph
      trains.
  """

  centers: tf.Tensor
  cluster_index: List[tf.Tensor]
  distance: List[tf.Tensor]
  loss: tf.Tensor
  totals: Optional[tf.Tensor] = None


class _Loss(NamedTuple):
  """The parts of this replica's loss; lists have one item per shard.

  Attributes:
    distances: `[n]`, the distance of each point to its nearest center, times
      the weight of the point.
    losses: scalar, the sum of the shard's `distances`.
    weighed: the `points.Weighed` of each shard; None: every point has weight 1.
  """

  distances: List[tf.Tensor]
  losses: List[tf.Tensor]
  weighed: Optional[List[points_lib.Weighed]]

  def summed(self) -> Tuple[tf.Tensor, ...]:
    """Returns the values to sum over replicas: the loss, and any weight sum."""
    loss = tf.add_n(self.losses)
    if self.weighed is None:
      return (loss,)
    return loss, tf.add_n([shard.total for shard in self.weighed])


def _loss(allocations, weights) -> _Loss:
  distances_ = [item.distance for item in allocations]
  weighed = None
  if weights is not None:
    weighed = list(map(points_lib.weigh, weights, distances_))
    distances_ = [shard.distance for shard in weighed]
  losses = [tf.reduce_sum(shard) for shard in distances_]
  return _Loss(distances_, losses, weighed)


def _list(shards):
  return shards if isinstance(shards, (list, tuple)) else [shards]


def _check_shards(shards):
  """Raises an error if shards cannot be parts of one batch."""
  if not shards:
    raise ValueError('inputs must have at least one shard, got an empty list.')
  dtypes = [shard.dtype.name for shard in shards]
  if len(set(dtypes)) > 1:
    raise TypeError(
        f'All shards of inputs must have the same dtype, got {dtypes}.'
    )
  columns = [tf.compat.dimension_value(shard.shape[1]) for shard in shards]
  if len(set(columns) - {None}) > 1:
    raise ValueError(
        'All shards of inputs must have the same number of columns, got '
        f'{columns}.'
    )


class KMeansGraph:
  """Builds the graph of k-means on one batch.

  Each method builds the ops of one mode, and no other ops. `updates` defines
  the rules by which training moves the centers.
  """

  def __init__(
      self,
      inputs: Union[tf.Tensor, Sequence[tf.Tensor]],
      parameters: parameters_lib.Parameters,
      weights: Union[tf.Tensor, Sequence[tf.Tensor], None] = None,
  ):
    """Stores the arguments; adds only casts and shape checks to the graph.

    Args:
      inputs: numbers `[n, d]`: the batch, or a list of its shards. float64
        input is clustered in float64, input of any other dtype in float32.
      parameters: the parameters of k-means.
      weights: numbers `[n]` or `[n, 1]`, the weight of each point; a list of
        such tensors if `inputs` is a list. None: every point has weight 1.
        Prediction ignores weights.

    Raises:
      TypeError: the inputs or the weights are not numeric.
      ValueError: the inputs are not matrices, or the shapes of the weights do
        not match the inputs.
    """
    self._parameters = parameters
    self._inputs = [
        points_lib.as_points(shard, 'inputs') for shard in _list(inputs)
    ]
    _check_shards(self._inputs)
    self._weights = None
    if weights is not None:
      self._weights = [
          points_lib.as_weights(shard, points, 'weights')
          for shard, points in zip(_list(weights), self._inputs)
      ]
    self._dimensions = self._inputs[0].shape.as_list()[1]
    self._dtype = self._inputs[0].dtype

  @functools.cached_property
  def _points(self) -> List[tf.Tensor]:
    """The shards; for the cosine metric with rows of unit length or 0."""
    if self._parameters.distance_metric == distances.COSINE_DISTANCE:
      return [distances.l2_normalize(shard) for shard in self._inputs]
    return self._inputs

  def training(
      self,
      read_centers: Callable[..., tf.Tensor] = state_lib.read_centers,
      chooses_centers: bool = True,
  ) -> Tuple[
      state_lib.State, Inference, Optional[tf.Operation], tf.Operation
  ]:
    """Builds the graph that initialises and trains.

    Args:
      read_centers: `state.read_centers`, or `state.read_chosen_centers`, which
        fails with a clear message while centers are missing.
      chooses_centers: whether to build `init_op`. Not possible on a TPU.

    Returns:
      The variables, the batch's `Inference`, and the `init_op` and the
      `training_op` that `clustering_ops.KMeans.training_graph` documents.
      `init_op` is None if `chooses_centers` is false.
    """
    parameters = self._parameters
    state = state_lib.training_state(
        parameters.num_clusters,
        self._dimensions,
        self._dtype,
        parameters.steps_per_iteration,
        is_weighted=self._weights is not None,
    )
    init_op = self._init_op(state) if chooses_centers else None
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

    # A checkpoint of TensorFlow's KMeans may hold an iteration whose steps have
    # all run, but whose centers have not been copied to `clusters` yet.
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
    """Returns whether any replica's batch has rows.

    None means that all shards are known to have rows when the graph is built.
    """
    if all(shard.shape[0] for shard in self._inputs):
      return None
    num_rows = tf.add_n([sizes.rows(shard) for shard in self._inputs])
    [num_rows] = replicas.sum_over_replicas([num_rows])
    return num_rows > 0

  def evaluation(self) -> Tuple[state_lib.State, Inference]:
    """Builds the graph that evaluates.

    Returns:
      The variables to restore, and the batch's `Inference`.
    """
    state, centers = self._restored_centers()
    centers = self._of_same_columns(centers)
    allocations = [
        allocation_lib.nearest(shard, centers, self._parameters.distance_metric)
        for shard in self._inputs
    ]
    own_loss = _loss(allocations, self._weights)
    losses = replicas.sum_over_replicas(own_loss.summed())
    return state, self._inference(centers, allocations, own_loss, losses)

  def prediction(
      self,
  ) -> Tuple[state_lib.State, List[tf.Tensor], List[tf.Tensor]]:
    """Builds the graph that predicts; a row with NaN affects no other row.

    Returns:
      The variables to restore, the distances that `all_distances` returns, and
      `cluster_index` as in `Inference`.
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
    """Returns the centers after checking the columns of the batch.

    There is no check if d is known when the graph is built, or on a TPU.
    """
    if self._dimensions is not None or replicas.are_on_tpu():
      return centers
    checks = [replicas.check_columns(shard, centers) for shard in self._inputs]
    with tf.control_dependencies(checks):
      return tf.identity(centers)

  def _direction(self, centers):
    """Returns the centers; for the cosine metric with unit length or 0."""
    # Normalise also where training does: the checkpoint may be of a model that
    # was trained with other parameters.
    if self._parameters.distance_metric == distances.COSINE_DISTANCE:
      return distances.l2_normalize(centers)
    return centers

  def all_distances(self, centers: tf.Tensor) -> List[tf.Tensor]:
    """Builds the matrices `[n, k]` of distances, one per shard of the input.

    Training and evaluation do not need these matrices.

    Args:
      centers: as in `Inference`.
    """
    return [
        distances.pairwise(shard, centers, self._parameters.distance_metric)
        for shard in self._points
    ]

  def _inference(self, centers, allocations, own_loss, losses, other_sums=()):
    """Checks the batch and the losses.

    Args:
      centers: as in `Inference`.
      allocations: an `Allocation` for each shard.
      own_loss: the `_Loss` of this replica.
      losses: the sums of `own_loss.summed()` over replicas.
      other_sums: further sums over replicas in the same step.

    Returns:
      The `Inference`, without `totals`.
    """
    loss, *total_weight = losses

    def checks():
      weight_checks = [
          points_lib.assert_weights(shard, *total_weight)
          for shard in self._weights or []
      ]
      # Check weights first: a wrong weight makes the weighted distances wrong,
      # and the error must name the weight.
      with tf.control_dependencies(weight_checks):
        return [
            points_lib.assert_finite(*shard)
            for shard in zip(
                self._inputs, own_loss.distances, own_loss.losses
            )
        ]

    return Inference(
        centers=centers,
        cluster_index=[item.index for item in allocations],
        distance=[item.distance for item in allocations],
        loss=replicas.checked(loss, checks, [*other_sums, *total_weight]),
    )

  def _step(self, state, read_centers):
    """Builds one step, without the end of an iteration of several steps."""
    parameters = self._parameters
    stored = self._of_same_columns(
        read_centers(state.clusters, parameters.num_clusters)
    )
    centers = self._direction(stored)
    allocations, sums = allocation_lib.allocate(
        self._inputs, centers, parameters.distance_metric, self._weights
    )
    own_loss = _loss(allocations, self._weights)
    values, totals, *losses = replicas.sum_over_replicas(
        [sums.values, sums.totals, *own_loss.summed()]
    )
    sums = sums._replace(values=values, totals=totals)
    inference = self._inference(
        centers, allocations, own_loss, losses, [values, totals]
    )
    inference = inference._replace(totals=totals)
    # Replicas exchange weights only after the batches of all replicas are
    # checked, for the reason that `replicas.checked` gives.
    with tf.control_dependencies([inference.loss]):
      lightest = self._lightest_weight(own_loss.weighed)

    def move():
      after = [inference.loss]
      if state.counts is None:
        # Replicas exchange points only after the batches of all replicas are
        # checked. Otherwise a replica that waits for the points of a failed
        # replica would hide the error.
        with tf.control_dependencies(after):
          relocated = relocation.relocate(
              [
                  relocation.Shard(*shard)
                  for shard in zip(
                      self._inputs,
                      allocations,
                      self._weights or [None] * len(allocations),
                  )
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
      return updates.apply_mini_batch(state, moving, sums, after, lightest)

    if replicas.are_on_tpu():
      # No op on a TPU can fail, so skip the update if a batch has NaN or Inf.
      moved = tf.cond(tf.math.is_finite(inference.loss), move, tf.no_op)
    else:
      moved = move()
    return inference, moved

  def _lightest_weight(self, weighed):
    """Returns the lightest weight above 0 in the batches of all replicas.

    An initial center counts as a point of this weight in mini-batch training
    with M = 1. None in every other mode, and without weights.
    """
    if weighed is None or self._parameters.steps_per_iteration != 1:
      return None
    lightest = [shard.lightest for shard in weighed]
    if replicas.number() > 1:
      of_all = replicas.gather_rows(tf.expand_dims(tf.stack(lightest), 1))
      return points_lib.lightest_weight(tf.squeeze(of_all, 1))
    if len(lightest) > 1:
      return points_lib.lightest_weight(tf.stack(lightest))
    return lightest[0]

  def _init_op(self, state):
    """Returns the op that chooses centers from a batch."""
    own_choice = not isinstance(self._parameters.initial_clusters, str)
    inputs = self._inputs if own_choice else self._points
    # `build_once_per_process` concatenates matrices, not vectors.
    weights = [tf.expand_dims(shard, 1) for shard in self._weights or []]

    def build(matrices):
      of_inputs = [tf.squeeze(shard, 1) for shard in matrices[len(inputs) :]]
      return self._add_centers(
          state, matrices[: len(inputs)], of_inputs or None, own_choice
      )

    return replicas.build_once_per_process(build, [*inputs, *weights])

  def _add_centers(self, state, inputs, weights, own_choice):
    """Chooses centers from the batch and appends them to the variables."""
    parameters = self._parameters
    # Use d if it is known when the graph is built: then init_op does not read
    # the batch if `initial_clusters` is a matrix, and no batch is lost.
    columns = self._dimensions or sizes.columns(inputs[0])

    def rows(variable):
      # In a checkpoint of TensorFlow's KMeans, the centers are an empty vector
      # while none is chosen. The reshape makes it a matrix. The placeholder
      # hides the static shape of the variable: it would let TensorFlow's graph
      # optimizer remove the reshape.
      value = tf.compat.v1.placeholder_with_default(
          variable.read_value(), shape=None
      )
      width = columns
      if self._dimensions is None:
        # Take the width from the centers, if any are chosen. `seeding.choose`
        # then finds a batch with the wrong number of columns.
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
        weights=weights,
        num_starts=parameters.num_starts,
        metric=parameters.distance_metric,
    )
    if own_choice and parameters.distance_metric == distances.COSINE_DISTANCE:
      new = distances.l2_normalize(new)
    all_chosen = tf.concat([chosen, new], axis=0)
    writes = [state_lib.grow(state.clusters, all_chosen)]
    if state.clusters_updated is not None:
      moving = tf.concat([rows(state.clusters_updated), new], axis=0)
      with tf.control_dependencies([moving]):
        writes.append(state_lib.grow(state.clusters_updated, moving))
    with tf.control_dependencies(writes):
      return state.initialized.assign(
          tf.equal(sizes.rows(all_chosen), parameters.num_clusters),
          read_value=False,
      )
