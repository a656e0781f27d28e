# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""From features, mode and config to an EstimatorSpec."""

import os
from typing import Any, List, Optional

import tensorflow as tf

from kmeans_estimator import _hooks
from kmeans_estimator import _model_description
from kmeans_estimator import features as features_lib
from kmeans_estimator import saver as saver_lib
from kmeans_estimator._compat.api import v1 as estimator_lib
from kmeans_estimator.ops import graph as graph_lib
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import replicas
from kmeans_estimator.ops import state as state_lib

ALL_DISTANCES = 'all_distances'
CLUSTER_INDEX = 'cluster_index'
SCORE = 'score'
_LONGEST_STEP_SECONDS = 30 * 60


class ModelFn:
  """The model function of one set of parameters."""

  def __init__(
      self,
      parameters: parameters_lib.Parameters,
      feature_columns: Optional[List[Any]] = None,
      weight_column: Any = None,
  ):
    """Stores what every graph needs.

    Args:
      parameters: how to cluster.
      feature_columns: see `features.parse_features`; no iterator, as every
        graph goes through them.
      weight_column: see `features.split_weights`.
    """
    self._parameters = parameters
    self._feature_columns = feature_columns
    self._weight_column = weight_column

  def model_fn(
      self,
      features: features_lib.Features,
      labels: Any,
      mode: str,
      config: Any,
  ) -> Any:
    """Builds the graph of one mode, with what that mode needs.

    Args:
      features: the points, see `features.parse_features`.
      labels: ignored.
      mode: one of `estimator.ModeKeys`.
      config: the `RunConfig`.

    Returns:
      An `EstimatorSpec` with
        predictions: `ALL_DISTANCES`, `[n, k]`, and `CLUSTER_INDEX`, int64
          `[n]`.
        loss: the sum of the distances to the nearest centers (not to predict).
        train_op: makes one step (to train).
        eval_metric_ops: `SCORE`, the mean of the batches' losses (to evaluate).

    Raises:
      TypeError: features are not numbers.
      ValueError: features make no matrix.
    """
    del labels
    return self._spec(features, mode, config)

  # A strategy would have AutoGraph rewrite it all, a user's function included.
  @tf.autograph.experimental.do_not_convert
  def _spec(self, features, mode, config):
    graph = self._graph(features, mode)
    description = self._description(features)
    if mode == estimator_lib.ModeKeys.TRAIN:
      return self._training_spec(graph, description, config)
    if mode == estimator_lib.ModeKeys.EVAL:
      return self._evaluation_spec(graph, description)
    return self._prediction_spec(graph, description)

  def _description(self, features):
    features, _ = features_lib.split_weights(
        features, self._weight_column, is_needed=False
    )
    return _model_description.Description(
        self._parameters.distance_metric,
        features_lib.names(features, self._feature_columns),
    )

  def _graph(self, features, mode):
    features, weights = features_lib.split_weights(
        features,
        self._weight_column,
        is_needed=mode != estimator_lib.ModeKeys.PREDICT,
    )
    return graph_lib.KMeansGraph(
        features_lib.parse_features(features, self._feature_columns),
        self._parameters,
        weights,
    )

  def _training_spec(self, graph, description, config):
    state, inference, init_op, training_op = graph.training()
    tf.compat.v1.summary.scalar('loss/raw', inference.loss)
    with tf.control_dependencies([training_op]):
      train_op = tf.compat.v1.train.get_global_step().assign_add(
          1, read_value=False
      )
    saver = _model_description.DescribedSaver.for_training(
        state, self._parameters.num_clusters, config, must_be_trained=False
    ).described_by(description)
    start_alone = follow_chief = None
    other_hooks, chief_hooks = [], []
    if replicas.are_on_several_workers():
      start_alone, follow_chief = self._of_several_workers(state)
      other_hooks = _limit_of_waiting(config)
      chief_hooks = _checkpoints_without_summaries(saver, config)
    training_hooks = [
        _hooks.InitializeClustersHook(
            init_op,
            state.initialized,
            state.clusters,
            self._parameters.num_clusters,
            config.is_chief,
            save=_save_function(saver, config),
            follow_chief=follow_chief,
        ),
        *other_hooks,
    ]
    if self._parameters.relative_tolerance is not None:
      training_hooks.append(
          _hooks.RelativeToleranceHook(
              inference.loss, self._parameters.relative_tolerance
          )
      )
    return estimator_lib.EstimatorSpec(
        mode=estimator_lib.ModeKeys.TRAIN,
        predictions=_predictions(
            inference.all_distances, inference.cluster_index
        ),
        loss=replicas.share_of_first(inference.loss),
        train_op=train_op,
        # For exports. No mean: centers move from batch to batch.
        eval_metric_ops={SCORE: (inference.loss, inference.loss)},
        training_hooks=training_hooks,
        training_chief_hooks=chief_hooks,
        scaffold=_Scaffold(saver=saver, init_op=start_alone),
    )

  def _of_several_workers(self, state):
    """How workers with variables of their own start.

    Returns:
      An op by which a worker initialises its variables without waiting for the
      others, and the op that then gives it the values of the first one.
    """
    p = self._parameters
    global_step = tf.compat.v1.train.get_global_step()
    of_training = [v for v in (*state, global_step) if v is not None]
    init_op = tf.group(
        state_lib.assign_initial_values(
            state, p.num_clusters, p.steps_per_iteration
        ),
        global_step.assign(0, read_value=False),
        tf.compat.v1.variables_initializer(
            [
                v
                for v in tf.compat.v1.global_variables()
                if not any(v is other for other in of_training)
            ]
        ),
    )
    columns = state.clusters.shape.as_list()[1]
    return init_op, replicas.follow_first(of_training, columns)

  def _evaluation_spec(self, graph, description):
    state, inference = graph.evaluation()
    return estimator_lib.EstimatorSpec(
        mode=estimator_lib.ModeKeys.EVAL,
        predictions=_predictions(
            inference.all_distances, inference.cluster_index
        ),
        loss=inference.loss,
        eval_metric_ops={SCORE: _mean_of_batches(inference.loss)},
        scaffold=self._scaffold_of_trained(state, description),
    )

  def _prediction_spec(self, graph, description):
    state, all_distances, cluster_index = graph.prediction()
    predictions = _predictions(all_distances, cluster_index)
    outputs = {
        key: estimator_lib.export.PredictOutput(value)
        for key, value in predictions.items()
    }
    outputs[tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY] = outputs[
        CLUSTER_INDEX
    ]
    return estimator_lib.EstimatorSpec(
        mode=estimator_lib.ModeKeys.PREDICT,
        predictions=predictions,
        export_outputs=outputs,
        scaffold=self._scaffold_of_trained(state, description),
    )

  def _scaffold_of_trained(self, state, description):
    saver = _model_description.DescribedSaver(
        state,
        self._parameters.num_clusters,
        must_be_trained=True,
        defer_build=True,
    ).described_by(description)
    return _Scaffold(init_fn=saver_lib.refuse_untrained, saver=saver)


class _Scaffold(tf.compat.v1.train.Scaffold):
  """A Scaffold whose ready ops are the same small one.

  Those that it would make by itself are a fifth of the nodes of the graph.
  Like them, this one is made for sessions only and goes into no export.
  """

  def finalize(self):
    keys = (
        tf.compat.v1.GraphKeys.READY_OP,
        tf.compat.v1.GraphKeys.READY_FOR_LOCAL_INIT_OP,
    )
    # A session that is lost is replaced by one on the same graph.
    if not tf.compat.v1.get_collection(keys[0]):
      tf.compat.v1.add_to_collections(keys, _uninitialized_variables())
    return super().finalize()


def _uninitialized_variables():
  variables = tf.compat.v1.global_variables()
  missing = tf.math.logical_not(
      tf.stack([tf.compat.v1.is_variable_initialized(v) for v in variables])
  )
  names = tf.constant([v.op.name for v in variables])
  return tf.gather_nd(names, tf.where(missing))


def _predictions(all_distances, cluster_index):
  """Of the one shard that the features are."""
  return {ALL_DISTANCES: all_distances[0], CLUSTER_INDEX: cluster_index[0]}


def _mean_of_batches(loss):
  """The mean of a scalar over batches, in its dtype.

  `tf.compat.v1.metrics.mean` computes in float32, where 1e25 squared is
  infinite.

  Args:
    loss: scalar, of all replicas' points; thus the same on each replica.

  Returns:
    The mean, 0 if there has been no batch, and the op that adds a batch to it.
  """

  def variable(name):
    return tf.compat.v1.Variable(
        lambda: tf.zeros([], loss.dtype),
        name=name,
        trainable=False,
        use_resource=True,
        collections=[
            tf.compat.v1.GraphKeys.LOCAL_VARIABLES,
            tf.compat.v1.GraphKeys.METRIC_VARIABLES,
        ],
        # Each replica keeps the same numbers.
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )

  with tf.compat.v1.variable_scope('mean'):
    total, count = variable('total'), variable('count')
    # In this order: no batch is counted where the input ends or is bad.
    with tf.control_dependencies([total.assign_add(loss, read_value=False)]):
      update_op = count.assign_add(tf.ones([], loss.dtype), read_value=False)
    mean = tf.math.divide_no_nan(total.read_value(), count.read_value())
  # A metric has one value, not one for each replica.
  mean = tf.distribute.get_replica_context().merge_call(
      lambda strategy, means: strategy.experimental_local_results(means)[0],
      args=(mean,),
  )
  return mean, update_op


def _limit_of_waiting(config):
  if config.session_config and config.session_config.operation_timeout_in_ms:
    return []
  return [_hooks.WaitingLimitHook(_LONGEST_STEP_SECONDS)]


def _checkpoints_without_summaries(saver, config):
  """The hook that TensorFlow forgets among several workers.

  Where no summaries are to be saved, it saves no checkpoints either.
  """
  steps, seconds = config.save_checkpoints_steps, config.save_checkpoints_secs
  if config.save_summary_steps or not (steps or seconds):
    return []
  return [
      tf.compat.v1.train.CheckpointSaverHook(
          config.model_dir, save_steps=steps, save_secs=seconds, saver=saver
      )
  ]


def _save_function(saver, config):
  """What writes a checkpoint at step 0, if any are to be written."""
  if not (config.save_checkpoints_steps or config.save_checkpoints_secs):
    return None

  def save(session):
    saver.save(
        session,
        os.path.join(config.model_dir, 'model.ckpt'),
        global_step=tf.compat.v1.train.get_global_step(),
    )

  return save
