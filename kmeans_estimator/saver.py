# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Saving and restoring a k-means model; refusing what does not fit."""

from typing import Any, Optional

import tensorflow as tf

from kmeans_estimator import _checkpoints
from kmeans_estimator.ops import state as state_lib

_UNTRAINED = (
    'The model must be trained before it can evaluate, predict or be exported: '
)


def refuse_untrained(scaffold: Any, session: tf.compat.v1.Session) -> None:
  """A Scaffold's `init_fn`, which runs where there is nothing to restore.

  Raises:
    ValueError: always.
  """
  del scaffold, session
  raise ValueError(_UNTRAINED + 'there is no checkpoint. Call train() first.')


class KMeansSaver(tf.compat.v1.train.Saver):
  """Restores a checkpoint only if the model can go on from it."""

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
      **kwargs: of `tf.compat.v1.train.Saver`.
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
    """The saver of a training session, as Estimator would make it.

    Args:
      state: the variables of training.
      num_clusters: k.
      config: the `estimator.RunConfig`; says how many checkpoints to keep.
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
    """Saves the variables, once there is a model to save.

    Estimator saves before hooks can choose the centers. An evaluator that looks
    at the right moment would find a model that it cannot evaluate.

    Args:
      sess: the session to save from.
      *args: as `tf.compat.v1.train.Saver.save`.
      **kwargs: likewise.

    Returns:
      As `Saver.save`; None while centers are missing, with nothing written.
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
      ValueError: the checkpoint holds centers of another number, another number
        of columns or another dtype, or, where the model must be trained, not
        all of them; or it lacks what this kind of training goes on from.
      tf.errors.DataLossError: the checkpoint is damaged.
    """
    with _checkpoints.explained(save_path):
      self._check(save_path)
      self.build()
      super().restore(sess, save_path)

  def _check(self, save_path):
    reader = tf.train.load_checkpoint(save_path)
    shapes = reader.get_variable_to_shape_map()
    for variable in (self._state.clusters, self._state.initialized):
      if variable.op.name not in shapes:
        raise ValueError(
            f'{save_path} is no checkpoint of a k-means model: it has no '
            f'variable {variable.op.name!r}, only {sorted(shapes)}.'
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
    if rows > wanted or (initialized and rows != wanted):
      raise ValueError(
          f'num_clusters is {wanted}, but the model in {save_path} has {rows} '
          f'centers. Give num_clusters={rows}, or another model_dir.'
      )
    dimensions = self._state.clusters.shape[1]
    if rows and dimensions is not None and shape[1] != dimensions:
      raise ValueError(
          f'The features have {dimensions} columns, but the model in '
          f'{save_path} was trained on {shape[1]}.'
      )
    dtype = self._state.clusters.dtype
    trained_on = reader.get_variable_to_dtype_map()[
        self._state.clusters.op.name
    ]
    if dtype != trained_on:
      raise ValueError(
          f'The features are taken as {dtype.name}, but the model in '
          f'{save_path} was trained on {trained_on.name}. Cast the features to '
          f'{trained_on.name}.'
      )
    # Training in mini-batches goes on from more than the centers.
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
          f'Training in mini-batches {now} a weight_column cannot go on from '
          f'{save_path}, which was trained {before} one. Train {before} a '
          'weight_column, or give another model_dir, with the centers of this '
          'model as initial_clusters.'
      )
