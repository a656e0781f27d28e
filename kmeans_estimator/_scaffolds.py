# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Scaffolds, savers and hooks for the sessions of a model.

A `Scaffold` defines how a session initialises or restores its variables. The
hooks that accompany it choose the initial centers, and keep synchronous workers
together.
"""

import os
from typing import Any, List, NamedTuple, Optional

import tensorflow as tf

from kmeans_estimator import _hooks
from kmeans_estimator import _model_description
from kmeans_estimator import saver as saver_lib
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import replicas
from kmeans_estimator.ops import state as state_lib

# Limits a step of synchronous workers. A longer step raises
# DeadlineExceededError: presumably another worker is dead. Users change it by
# `operation_timeout_in_ms` of the session config.
_LONGEST_STEP_SECONDS = 30 * 60


class TrainingSession(NamedTuple):
  """The parts of a training session besides the graph of a step.

  Attributes:
    scaffold: initialises or restores the variables.
    hooks: for every task; they choose the initial centers or wait for them.
    chief_hooks: for the chief only.
  """

  scaffold: tf.compat.v1.train.Scaffold
  hooks: List[tf.compat.v1.train.SessionRunHook]
  chief_hooks: List[tf.compat.v1.train.SessionRunHook]


def training(
    state: state_lib.State,
    init_op: Optional[tf.Operation],
    parameters: parameters_lib.Parameters,
    description: _model_description.Description,
    config: Any,
) -> TrainingSession:
  """Makes the scaffold and the hooks of a training session.

  Args:
    state: the variables of training.
    init_op: as for `InitializeClustersHook`.
    parameters: the parameters of k-means.
    description: distance metric and feature names of the graph.
    config: the `estimator.RunConfig`.

  Returns:
    The parts of the session.
  """
  saver = saver_of_training(
      state, parameters, description, config, must_be_trained=False
  )
  start_alone = follow_chief = None
  other_hooks, chief_hooks = [], []
  if replicas.are_on_several_workers():
    start_alone, follow_chief = _of_several_workers(state, parameters)
    other_hooks = _limit_of_waiting(config)
    chief_hooks = _checkpoints_without_summaries(saver, config)
  initialization = _hooks.InitializeClustersHook(
      init_op,
      state.initialized,
      state.clusters,
      parameters.num_clusters,
      config.is_chief,
      save=_save_function(saver, config),
      follow_chief=follow_chief,
  )
  return TrainingSession(
      _Scaffold(saver=saver, init_op=start_alone),
      [initialization, *other_hooks],
      chief_hooks,
  )


def trained(
    state: state_lib.State,
    parameters: parameters_lib.Parameters,
    description: _model_description.Description,
) -> tf.compat.v1.train.Scaffold:
  """Makes the scaffold of a session that evaluates or predicts.

  Args:
    state: the variables of the graph.
    parameters: the parameters of k-means.
    description: distance metric and feature names of the graph.

  Returns:
    A scaffold that restores the checkpoint of a trained model. Without a
    checkpoint it raises ValueError when the session starts.
  """
  saver = _model_description.DescribedSaver(
      state, parameters.num_clusters, must_be_trained=True, defer_build=True
  ).described_by(description)
  return _Scaffold(init_fn=saver_lib.refuse_untrained, saver=saver)


def saver_of_training(
    state: state_lib.State,
    parameters: parameters_lib.Parameters,
    description: _model_description.Description,
    config: Any,
    must_be_trained: bool,
) -> saver_lib.KMeansSaver:
  """Makes the saver of a training session.

  Args:
    state: the variables of training.
    parameters: the parameters of k-means.
    description: distance metric and feature names of the graph.
    config: the `estimator.RunConfig`, with the number of checkpoints to keep.
    must_be_trained: see `KMeansSaver`.
  """
  return _model_description.DescribedSaver.for_training(
      state, parameters.num_clusters, config, must_be_trained
  ).described_by(description)


class _Scaffold(tf.compat.v1.train.Scaffold):
  """A Scaffold with one small op as `ready_op` and `ready_for_local_init_op`.

  The two ops that TensorFlow would build are a fifth of the nodes of the graph.
  Like these, the small op is built when a session starts, so no export has it.

  The saver is added to the collection `SAVERS`, as Estimator does with its
  default saver, so that a `CheckpointSaverHook` of the user finds it.
  """

  def finalize(self):
    keys = (
        tf.compat.v1.GraphKeys.READY_OP,
        tf.compat.v1.GraphKeys.READY_FOR_LOCAL_INIT_OP,
    )
    # A session that replaces a failed session finalizes the same graph again.
    if not tf.compat.v1.get_collection(keys[0]):
      tf.compat.v1.add_to_collections(keys, _uninitialized_variables())
    if not tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.SAVERS):
      tf.compat.v1.add_to_collection(
          tf.compat.v1.GraphKeys.SAVERS, self.saver
      )
    return super().finalize()


def _uninitialized_variables():
  variables = tf.compat.v1.global_variables()
  missing = tf.math.logical_not(
      tf.stack([tf.compat.v1.is_variable_initialized(v) for v in variables])
  )
  names = tf.constant([v.op.name for v in variables])
  return tf.gather_nd(names, tf.where(missing))


def _of_several_workers(state, parameters):
  """Builds the ops that initialise a worker that has copies of the variables.

  `MultiWorkerMirroredStrategy` gives every worker such copies.

  Returns:
    An op by which a worker initialises its variables without waiting for other
    workers, and an op that then copies the first replica's values to all
    replicas.
  """
  global_step = tf.compat.v1.train.get_global_step()
  of_training = [v for v in (*state, global_step) if v is not None]
  init_op = tf.group(
      state_lib.assign_initial_values(
          state, parameters.num_clusters, parameters.steps_per_iteration
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
  return init_op, replicas.broadcast_from_first(of_training, columns)


def _limit_of_waiting(config):
  if config.session_config and config.session_config.operation_timeout_in_ms:
    return []
  return [_hooks.WaitingLimitHook(_LONGEST_STEP_SECONDS)]


def _checkpoints_without_summaries(saver, config):
  """Returns the saver hook that TensorFlow omits with several workers.

  If summaries are off, TensorFlow adds no hook that saves checkpoints either.
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
  """Returns a function that saves a checkpoint; None if checkpoints are off."""
  if not (config.save_checkpoints_steps or config.save_checkpoints_secs):
    return None

  def save(session):
    saver.save(
        session,
        os.path.join(config.model_dir, 'model.ckpt'),
        global_step=tf.compat.v1.train.get_global_step(),
    )

  return save
