# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Builds the graphs of k-means: to train, to evaluate, to predict."""

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
from kmeans_estimator.ops import state as state_lib
from kmeans_estimator.ops import updates


class Inference(NamedTuple):
  """What a graph says of its points, a list item for each shard of the input.

  Attributes:
    all_distances: `[n, k]`, the distance of each point to each center.
    cluster_index: int64 `[n]`, the nearest center.
    distance: `[n]`, the distance to it.
    loss: scalar, the sum of all `distance`, over all replicas if there are
      several. Evaluating it fails on NaN or Inf.
    totals: `[k]`, how many points each center is the nearest of, or the sum of
      their weights, over all replicas and shards; None where the graph does not
      train.
  """

  all_distances: List[tf.Tensor]
  cluster_index: List[tf.Tensor]
  distance: List[tf.Tensor]
  loss: tf.Tensor
  totals: Optional[tf.Tensor] = None


class _Loss(NamedTuple):
  """What the loss is made of, a list item for each shard.

  Attributes:
    distances: `[n]`, the distances to the nearest centers, times the weights.
    losses: scalar, their sum.
    weight: scalar, the sum of all weights of this replica; None: all 1.
  """

  distances: List[tf.Tensor]
  losses: List[tf.Tensor]
  weight: Optional[tf.Tensor]

  def summed(self) -> Tuple[tf.Tensor, ...]:
    """What is to be summed up over replicas: the loss, and weights if any."""
    loss = tf.add_n(self.losses)
    return (loss,) if self.weight is None else (loss, self.weight)


def _loss(allocations, weights) -> _Loss:
  distances_ = [item.distance for item in allocations]
  weight = None
  if weights is not None:
    distances_ = [w * distance for w, distance in zip(weights, distances_)]
    weight = tf.add_n([tf.reduce_sum(shard) for shard in weights])
  losses = [tf.reduce_sum(shard) for shard in distances_]
  return _Loss(distances_, losses, weight)


def _list(shards):
  return shards if isinstance(shards, (list, tuple)) else [shards]


class KMeansGraph:
  """The graph of one batch, for one set of parameters.

  Its ops do not exist before a method is called, and each method builds what
  its mode needs. The rules that centers move by are told in `updates`.
  """

  def __init__(
      self,
      inputs: Union[tf.Tensor, Sequence[tf.Tensor]],
      parameters: parameters_lib.Parameters,
      weights: Union[tf.Tensor, Sequence[tf.Tensor], None] = None,
  ):
    """Stores the arguments; adds nothing to the graph but casts.

    Args:
      inputs: numbers `[n, d]`, the batch, or a list of such shards of it.
        float64 is clustered in float64, all else in float32.
      parameters: how to cluster.
      weights: numbers `[n]` or `[n, 1]`, one weight for each point, or a list
        of them, one for each shard. None: all points count alike. Prediction
        has no use for weights.

    Raises:
      TypeError: the inputs or the weights hold no numbers.
      ValueError: the inputs are no matrices, or the weights do not fit them.
    """
    self._parameters = parameters
    self._inputs = [
        points_lib.as_points(shard, 'inputs') for shard in _list(inputs)
    ]
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
    """The shards as pairwise distances and initial centers need them."""
    if self._parameters.distance_metric == distances.COSINE_DISTANCE:
      return [distances.l2_normalize(shard) for shard in self._inputs]
    return self._inputs

  def training(
      self,
      read_centers: Callable[..., tf.Tensor] = state_lib.read_centers,
  ) -> Tuple[state_lib.State, Inference, tf.Operation, tf.Operation]:
    """Builds the graph that initialises and trains.

    Args:
      read_centers: `state.read_centers`, or `state.read_chosen_centers`, which
        says what is wrong while centers are missing.

    Returns:
      The variables, the batch's `Inference`, and `init_op` and `training_op` as
      of `clustering_ops.KMeans.training_graph`.
    """
    parameters = self._parameters
    state = state_lib.training_state(
        parameters.num_clusters,
        self._dimensions,
        self._dtype,
        parameters.steps_per_iteration,
        is_weighted=self._weights is not None,
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
    loss = _loss(allocations, self._usable_weights())
    totals = replicas.sum_over_replicas(loss.summed())
    return state, self._inference(centers, allocations, loss, *totals)

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
        self._parameters.distance_metric == distances.COSINE_DISTANCE
        and not self._parameters.centers_are_normalized
    ):
      return distances.l2_normalize(centers)
    return centers

  def _all_distances(self, centers):
    return [
        distances.pairwise(shard, centers, self._parameters.distance_metric)
        for shard in self._points
    ]

  def _usable_weights(self):
    if self._weights is None:
      return None
    return [points_lib.usable_weights(shard) for shard in self._weights]

  def _inference(self, centers, allocations, loss, total, total_weight=None):
    def checks():
      weight_checks = [
          points_lib.assert_weights(shard, total_weight)
          for shard in self._weights or []
      ]
      # A wrong weight makes distances wrong, not the other way round.
      with tf.control_dependencies(weight_checks):
        return [
            points_lib.assert_finite(*shard)
            for shard in zip(self._inputs, loss.distances, loss.losses)
        ]

    return Inference(
        all_distances=self._all_distances(centers),
        cluster_index=[item.index for item in allocations],
        distance=[item.distance for item in allocations],
        loss=replicas.checked(total, checks),
    )

  def _step(self, state, read_centers):
    """One step, but for the bookkeeping of iterations of several steps."""
    parameters = self._parameters
    stored = self._of_same_columns(
        read_centers(state.clusters, parameters.num_clusters)
    )
    centers = self._direction(stored)
    weights = self._usable_weights()
    allocations, sums = allocation_lib.allocate(
        self._inputs, centers, parameters.distance_metric, weights
    )
    own_loss = _loss(allocations, weights)
    values, totals, loss, *weight = replicas.sum_over_replicas(
        [sums.values, sums.totals, *own_loss.summed()]
    )
    sums = sums._replace(values=values, totals=totals)
    inference = self._inference(centers, allocations, own_loss, loss, *weight)
    inference = inference._replace(totals=totals)
    lightest = self._lightest_weight(weights)

    def move():
      after = [inference.loss]
      if state.counts is None:
        # Replicas exchange points only once the batches of all are checked: a
        # replica that fails would hide its error from one that waits for it.
        with tf.control_dependencies(after):
          relocated = relocation.relocate(
              [
                  relocation.Shard(*shard)
                  for shard in zip(
                      self._inputs,
                      allocations,
                      weights or [None] * len(allocations),
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
      # As nothing fails there, a batch with NaN or Inf has no effect.
      moved = tf.cond(tf.math.is_finite(loss), move, tf.no_op)
    else:
      moved = move()
    return inference, moved

  def _lightest_weight(self, weights):
    """What an initial center counts; None where it is known from the start."""
    if weights is None or self._parameters.steps_per_iteration != 1:
      return None
    shards = weights[0] if len(weights) == 1 else tf.concat(weights, 0)
    lightest = points_lib.lightest_weight(shards)
    if replicas.number() == 1:
      return lightest
    of_all = replicas.gather_rows(tf.reshape(lightest, [1, 1]))
    return points_lib.lightest_weight(tf.squeeze(of_all, 1))

  def _init_op(self, state):
    """Chooses centers from a batch; on a TPU that cannot be done."""
    if replicas.are_on_tpu():
      return None
    own_choice = not isinstance(self._parameters.initial_clusters, str)
    inputs = self._inputs if own_choice else self._points
    # Replicas join matrices.
    weights = [tf.expand_dims(shard, 1) for shard in self._weights or []]

    def build(matrices):
      of_inputs = [tf.squeeze(shard, 1) for shard in matrices[len(inputs) :]]
      return self._add_centers(
          state, matrices[: len(inputs)], of_inputs or None, own_choice
      )

    return replicas.build_once_per_process(build, [*inputs, *weights])

  def _add_centers(self, state, inputs, weights, own_choice):
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
          tf.equal(tf.shape(all_chosen)[0], parameters.num_clusters),
          read_value=False,
      )
