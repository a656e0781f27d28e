# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Saves and restores k-means models; refuses checkpoints that do not fit."""

from typing import Any, Optional

import tensorflow as tf

from kmeans_estimator import _checkpoints
from kmeans_estimator.ops import state as state_lib

_UNTRAINED = (
    'The model must be trained before it can evaluate, predict or be exported: '
)
NO_CHECKPOINT = (
    _UNTRAINED + 'there is no checkpoint. Call train() first, with a RunConfig '
    'that saves checkpoints.'
)


def refuse_untrained(scaffold: Any, session: tf.compat.v1.Session) -> None:
  """Raises an error, as the `init_fn` of a Scaffold.

  A session calls `init_fn` only if there is no checkpoint to restore.

  Raises:
    ValueError: always.
  """
  del scaffold, session
  raise ValueError(NO_CHECKPOINT)


def latest_has_all_centers(model_dir: str) -> bool:
  """Returns whether the latest checkpoint holds all initial centers.

  Args:
    model_dir: the folder. It may be empty or not exist.

  Returns:
    False also if the checkpoint cannot be read. The session that restores it
    will raise an error that explains this.
  """
  try:
    prefix = tf.train.latest_checkpoint(model_dir)
    if prefix is None:
      return False
    reader = tf.compat.v1.train.NewCheckpointReader(prefix)
    return bool(reader.get_tensor(state_lib.INITIALIZED_VAR_NAME))
  except (*_checkpoints.READ_ERRORS, ValueError):
    return False


class KMeansSaver(tf.compat.v1.train.Saver):
  """A Saver that restores a checkpoint only if it fits the graph."""

  def __init__(
      self,
      state: state_lib.State,
      num_clusters: int,
      must_be_trained: bool,
      **kwargs: Any,
  ):
    """Creates the saver.

    Args:
      state: the variables of the graph.
      num_clusters: k.
      must_be_trained: whether all centers must have been chosen.
      **kwargs: arguments of `tf.compat.v1.train.Saver`.
    """
    super().__init__(**kwargs)
    self._state = state
    self._num_clusters = num_clusters
    self._must_be_trained = must_be_trained

  @classmethod
  def for_training(
      cls,
      state: state_lib.State,
      num_clusters: int,
      config: Any,
      must_be_trained: bool,
  ) -> 'KMeansSaver':
    """Makes the saver of a training session, with Estimator's settings.

    Args:
      state: the variables of training.
      num_clusters: k.
      config: the `estimator.RunConfig`, with the number of checkpoints to keep.
      must_be_trained: see `KMeansSaver`.
    """
    return cls(
        state,
        num_clusters,
        must_be_trained,
        sharded=True,
        max_to_keep=config.keep_checkpoint_max,
        keep_checkpoint_every_n_hours=config.keep_checkpoint_every_n_hours,
        defer_build=True,
        save_relative_paths=True,
    )

  def save(
      self, sess: tf.compat.v1.Session, *args: Any, **kwargs: Any
  ) -> Optional[str]:
    """Saves the variables if all initial centers have been chosen.

    Estimator saves a first checkpoint before hooks can choose the centers. An
    evaluator could find this checkpoint and fail to evaluate it.

    Args:
      sess: the session to save from.
      *args: arguments of `tf.compat.v1.train.Saver.save`.
      **kwargs: arguments of `tf.compat.v1.train.Saver.save`.

    Returns:
      The result of `Saver.save`. While initial centers are missing, None; then
      no file is written.
    """
    if not sess.run(self._state.initialized):
      return None
    return super().save(sess, *args, **kwargs)

  def restore(self, sess: tf.compat.v1.Session, save_path: str) -> None:
    """Restores the variables.

    Args:
      sess: the session to restore into.
      save_path: the checkpoint.

    Raises:
      ValueError: the checkpoint has the wrong number of centers, the wrong
        number of columns or the wrong dtype; or initial centers are missing
        though the model must be trained; or the checkpoint lacks variables of
        the mini-batch rule.
      tf.errors.DataLossError: the checkpoint is damaged.
    """
    with _checkpoints.explained(save_path):
      self._check(save_path)
      self.build()
      super().restore(sess, save_path)

  def _check(self, save_path):
    # `tf.train.load_checkpoint` would take a prefix in `ram://` for a folder.
    reader = tf.compat.v1.train.NewCheckpointReader(save_path)
    shapes = reader.get_variable_to_shape_map()
    for variable in (self._state.clusters, self._state.initialized):
      if variable.op.name not in shapes:
        raise ValueError(
            f'{save_path} is not a checkpoint of a k-means model: it has no '
            f'variable {variable.op.name!r}, only {sorted(shapes)}. Give the '
            'model_dir or the checkpoint of a k-means model.'
        )
    shape = shapes[self._state.clusters.op.name]
    initialized = reader.get_tensor(self._state.initialized.op.name)
    if self._must_be_trained and not initialized:
      raise ValueError(
          f'{_UNTRAINED}the checkpoint {save_path} was written before all '
          'initial centers were chosen. Call train() first.'
      )
    rows = shape[0] if shape else 0
    wanted = self._num_clusters
    if rows > wanted and not initialized:
      raise ValueError(
          f'num_clusters is {wanted}, but the training that wrote {save_path} '
          f'had chosen {rows} initial centers, and more were missing. Give the '
          'num_clusters of that training, or another model_dir.'
      )
    if initialized and rows != wanted:
      raise ValueError(
          f'num_clusters is {wanted}, but the model in {save_path} has {rows} '
          f'centers. Give num_clusters={rows}, or another model_dir.'
      )
    dimensions = self._state.clusters.shape[1]
    if rows and dimensions is not None and shape[1] != dimensions:
      raise ValueError(
          f'The features have {dimensions} columns, but the model in '
          f'{save_path} was trained on {shape[1]}. Give features with '
          f'{shape[1]} columns, or another model_dir.'
      )
    dtype = self._state.clusters.dtype
    trained_on = reader.get_variable_to_dtype_map()[
        self._state.clusters.op.name
    ]
    if dtype != trained_on:
      raise ValueError(
          f'The features are clustered as {dtype.name}, but the model in '
          f'{save_path} was trained on {trained_on.name}. Cast the features to '
          f'{trained_on.name}.'
      )
    # Mini-batch training also needs the counts and the updated copy of the
    # centers.
    for variable, argument in (
        (self._state.counts, 'use_mini_batch=False'),
        (self._state.clusters_updated, 'mini_batch_steps_per_iteration=1'),
    ):
      if variable is not None and variable.op.name not in shapes:
        raise ValueError(
            f'The model in {save_path} was trained with {argument}, and has no '
            f'variable {variable.op.name!r}. Give {argument}, or another '
            'model_dir.'
        )
    counts = self._state.counts
    if counts is None:
      return
    dtypes = reader.get_variable_to_dtype_map()
    if counts.dtype != dtypes[counts.op.name]:
      now, before = 'without', 'with'
      if counts.dtype.is_floating:
        now, before = before, now
      raise ValueError(
          f'Mini-batch training {now} a weight_column cannot continue from '
          f'{save_path}, which was trained {before} a weight_column. Train '
          f'{before} a weight_column, or give another model_dir, with the '
          'centers of this model as initial_clusters.'
      )
