# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes the model function, which returns the EstimatorSpec of a mode."""

import dataclasses
import functools
from typing import Any, Callable, Dict, List, Optional

import tensorflow as tf

from kmeans_estimator import _hooks
from kmeans_estimator import _model_description
from kmeans_estimator import _own_graphs
from kmeans_estimator import _scaffolds
from kmeans_estimator import _summaries
from kmeans_estimator import features as features_lib
from kmeans_estimator import saver
from kmeans_estimator._compat.api import v1 as estimator_lib
from kmeans_estimator.ops import graph as graph_lib
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import replicas
from kmeans_estimator.ops import state as state_lib

ALL_DISTANCES = 'all_distances'
CLUSTER_INDEX = 'cluster_index'
SCORE = 'score'


@dataclasses.dataclass(frozen=True)
class Model:
  """The settings that the graphs of all modes share.

  Attributes:
    parameters: the parameters of k-means.
    feature_columns: see `features.parse_features`; a list, not an iterator,
      because every graph iterates over the columns.
    weight_column: see `features.split_weights`.
  """

  parameters: parameters_lib.Parameters
  feature_columns: Optional[List[Any]] = None
  weight_column: Any = None

  def graph(
      self, features: features_lib.Features, takes_weights: bool = True
  ) -> graph_lib.KMeansGraph:
    """Creates the `KMeansGraph` of a batch.

    Args:
      features: the batch, see `features.parse_features`.
      takes_weights: whether the mode uses weights if there is a weight column.

    Raises:
      TypeError: the features are not numeric.
      ValueError: the features cannot be joined to a matrix, or lack the
        weights.
    """
    features, weights = features_lib.split_weights(
        features, self.weight_column, takes_weights
    )
    return graph_lib.KMeansGraph(
        features_lib.parse_features(features, self.feature_columns),
        self.parameters,
        weights,
    )

  def description(
      self, features: features_lib.Features
  ) -> _model_description.Description:
    """Returns the description of the model that is stored in its folder.

    Args:
      features: a batch, see `features.parse_features`.
    """
    features, _ = features_lib.split_weights(
        features, self.weight_column, is_needed=False
    )
    return _model_description.Description(
        self.parameters.distance_metric,
        features_lib.names(features, self.feature_columns),
    )

  def scaffold_of_trained(
      self, state: state_lib.State, features: features_lib.Features
  ) -> tf.compat.v1.train.Scaffold:
    """Makes the scaffold of a session that evaluates or predicts.

    Args:
      state: the variables of the graph.
      features: a batch, see `features.parse_features`.
    """
    return _scaffolds.trained(
        state, self.parameters, self.description(features)
    )


def make_model_fn(model: Model) -> Callable[..., Any]:
  """Makes the model function of an Estimator.

  Args:
    model: the settings that the graphs of all modes share.

  Returns:
    A function of features, labels (ignored), mode and config. It builds the
    graph of the mode and returns an `EstimatorSpec` with
      predictions: `CLUSTER_INDEX`, int64 `[n]`, and `ALL_DISTANCES`, `[n, k]`.
        `ALL_DISTANCES` is missing while this package's Estimator trains or
        evaluates, because the Estimator fetches no predictions then.
      loss: the sum of the distances to the nearest centers, times the weights
        if there are weights (to train and to evaluate).
      train_op: makes one step (to train).
      training_hooks: choose the initial centers or wait for them (to train).
      eval_metric_ops: `SCORE`, the mean of the batches' losses (to evaluate).
    The function raises
      TypeError: the features are not numeric.
      ValueError: the features cannot be joined to a matrix.
  """
  # A partial, because pickle cannot store a function that is defined inside
  # another function, and Estimators can be pickled.
  return functools.partial(_model_fn, model)


def _model_fn(model, features, labels, mode, config):
  del labels
  return _spec(model, features, mode, config)


# Under a strategy, TensorFlow applies AutoGraph to model functions. It would
# also rewrite a user's `initial_clusters` function.
@tf.autograph.experimental.do_not_convert
def _spec(model, features, mode, config):
  if mode == estimator_lib.ModeKeys.TRAIN:
    return _training_spec(model, features, config)
  if mode == estimator_lib.ModeKeys.EVAL:
    return _evaluation_spec(model, features)
  return prediction_spec(model, features)


def _training_spec(model, features, config):
  graph = model.graph(features)
  state, inference, init_op, training_op = graph.training(
      chooses_centers=_may_choose_centers(model.parameters, config)
  )
  tf.compat.v1.summary.scalar('loss/raw', inference.loss)
  _summaries.offer(
      _summaries.Training(
          state.clusters,
          inference.totals,
          model.parameters.distance_metric,
          config.model_dir,
          config.is_chief,
      )
  )
  session = _scaffolds.training(
      state, init_op, model.parameters, model.description(features), config
  )
  tolerance = model.parameters.relative_tolerance
  hooks = list(session.hooks)
  if tolerance is not None:
    hooks.append(
        _hooks.RelativeToleranceHook(
            inference.loss,
            tolerance,
            model.parameters.steps_per_iteration or 1,
            tf.reduce_any(inference.totals > 0),
        )
    )
  return estimator_lib.EstimatorSpec(
      mode=estimator_lib.ModeKeys.TRAIN,
      predictions=_predictions(graph, inference),
      loss=replicas.share_of_first(inference.loss),
      train_op=count_step(training_op),
      # Exports of the training graph need this metric. It is no mean over
      # batches, because the centers move from batch to batch.
      eval_metric_ops={SCORE: (inference.loss, inference.loss)},
      training_hooks=hooks,
      training_chief_hooks=session.chief_hooks,
      scaffold=session.scaffold,
  )


def _may_choose_centers(parameters, config):
  """Returns whether the graph needs the ops that choose initial centers."""
  if callable(parameters.initial_clusters):
    # The function may create variables. The graph needs them, even if the
    # checkpoint holds all centers, to save them in the next checkpoints.
    return True
  if not _own_graphs.is_default_marked():
    return True
  if replicas.are_on_several_workers():
    # Workers may see different checkpoints, but must build the same graph.
    return True
  return config.is_chief and not saver.latest_has_all_centers(config.model_dir)


def count_step(training_op: tf.Operation) -> tf.Operation:
  """Returns an op that makes a step and, if it succeeds, counts it.

  Args:
    training_op: makes the step.
  """
  with tf.control_dependencies([training_op]):
    return tf.compat.v1.train.get_global_step().assign_add(1, read_value=False)


def _evaluation_spec(model, features):
  graph = model.graph(features)
  state, inference = graph.evaluation()
  return estimator_lib.EstimatorSpec(
      mode=estimator_lib.ModeKeys.EVAL,
      predictions=_predictions(graph, inference),
      loss=inference.loss,
      eval_metric_ops={SCORE: _mean_of_batches(inference.loss)},
      scaffold=model.scaffold_of_trained(state, features),
  )


def prediction_spec(model: Model, features: features_lib.Features) -> Any:
  """Builds the graph that predicts, for any device.

  Args:
    model: the settings that the graphs of all modes share.
    features: the points, see `features.parse_features`.

  Returns:
    An `EstimatorSpec`.
  """
  graph = model.graph(features, takes_weights=False)
  # The batch is a single shard.
  state, [all_distances], [cluster_index] = graph.prediction()
  predictions = {ALL_DISTANCES: all_distances, CLUSTER_INDEX: cluster_index}
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
      scaffold=model.scaffold_of_trained(state, features),
  )


def _predictions(
    graph: graph_lib.KMeansGraph, inference: graph_lib.Inference
) -> Dict[str, tf.Tensor]:
  """Returns the predictions for a batch that trains or is evaluated."""
  # The batch is a single shard.
  [cluster_index] = inference.cluster_index
  predictions = {CLUSTER_INDEX: cluster_index}
  if not _own_graphs.is_default_marked():
    [predictions[ALL_DISTANCES]] = graph.all_distances(inference.centers)
  return predictions


def _mean_of_batches(loss):
  """Computes the mean of the loss over batches, in the dtype of the loss.

  `tf.compat.v1.metrics.mean` computes in float32 and overflows where a float64
  loss is finite, such as 1e25 squared.

  Args:
    loss: scalar, the loss over the points of all replicas, so equal on every
      replica.

  Returns:
    The mean (0 before the first batch), and the op that adds a batch to it.
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
        # The copies on all replicas are equal.
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )

  with tf.compat.v1.variable_scope('mean'):
    total, count = variable('total'), variable('count')
    # Count the batch after its loss is added: if the input has ended or is not
    # valid, evaluating the loss fails, and the batch must not be counted.
    with tf.control_dependencies([total.assign_add(loss, read_value=False)]):
      update_op = count.assign_add(tf.ones([], loss.dtype), read_value=False)
    mean = tf.math.divide_no_nan(total.read_value(), count.read_value())
  # Estimator expects a metric with one value, not a value per replica.
  mean = tf.distribute.get_replica_context().merge_call(
      lambda strategy, means: strategy.experimental_local_results(means)[0],
      args=(mean,),
  )
  return mean, update_op
