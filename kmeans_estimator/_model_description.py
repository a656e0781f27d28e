# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Describes a model in a file next to its checkpoints.

Checkpoints hold neither the distance metric nor the names of the features,
because TensorFlow's KMeans writes and reads the same checkpoints. If
TensorFlow's KMeans trained the model, the file is missing, and metric and names
are unknown.
"""

import dataclasses
import json
import os
from typing import Any, List, Optional

import tensorflow as tf

from kmeans_estimator import saver as saver_lib

_FILE = 'kmeans.json'
# The name that Estimator gives to unnamed features in an export.
_NAMELESS = ['feature']


@dataclasses.dataclass(frozen=True)
class Description:
  """The distance metric and the feature names of a model or a graph.

  Attributes:
    distance_metric: the argument of the Estimator.
    feature_names: in the order of the columns; None if features have no names.
  """

  distance_metric: str
  feature_names: Optional[List[str]] = None

  def check(self, folder: str) -> None:
    """Checks that the model in a folder has this description.

    Args:
      folder: the folder of the model's checkpoints.

    Raises:
      ValueError: the distance metric or the names of the features differ.
    """
    trained = _read(folder)
    metric = trained.get('distance_metric', self.distance_metric)
    if metric != self.distance_metric:
      raise ValueError(
          f'distance_metric is {self.distance_metric!r}, but the model in '
          f'{folder} was trained with {metric!r}. Give '
          f'distance_metric={metric!r}, or another model_dir.'
      )
    names = trained.get('feature_names')
    if (
        names
        and self.feature_names not in (None, _NAMELESS)
        and self.feature_names != names
    ):
      raise ValueError(
          f'The features are {self.feature_names}, but the model in {folder} '
          f'was trained on {names}. Give features with the names of the model.'
      )

  def write(self, folder: str, goes_on: bool) -> None:
    """Writes the description of the model in a folder, if it has changed.

    Args:
      folder: the folder of the model's checkpoints.
      goes_on: whether training continues the model that the file describes. If
        so, unnamed features keep the names in the file.
    """
    before = _read(folder)
    content = dataclasses.asdict(self)
    if goes_on and self.feature_names is None:
      content['feature_names'] = before.get('feature_names')
    if content == before:
      return
    path = os.path.join(folder, _FILE)
    # Write a new file and rename it: other processes never read a half-written
    # file.
    with tf.io.gfile.GFile(path + '.new', 'w') as file:
      file.write(json.dumps(content, indent=2) + '\n')
    tf.io.gfile.rename(path + '.new', path, overwrite=True)


class DescribedSaver(saver_lib.KMeansSaver):
  """A `KMeansSaver` that writes and checks the description of the model."""

  _description: Optional[Description] = None
  _has_restored = False

  def described_by(self, description: Description) -> 'DescribedSaver':
    """Sets the description of the graph; returns the saver."""
    self._description = description
    return self

  def save(
      self, sess: tf.compat.v1.Session, *args: Any, **kwargs: Any
  ) -> Optional[str]:
    """Saves the variables, see `KMeansSaver.save`, and the description.

    Args:
      sess: the session to save from.
      *args: arguments of `tf.compat.v1.train.Saver.save`.
      **kwargs: arguments of `tf.compat.v1.train.Saver.save`. With
        `write_state=False`, as in an export, no description is written: an
        export has signatures instead.

    Returns:
      The result of `KMeansSaver.save`.
    """
    path = super().save(sess, *args, **kwargs)
    if path and self._description and kwargs.get('write_state', True):
      self._description.write(os.path.dirname(path), self._has_restored)
    return path

  def restore(self, sess: tf.compat.v1.Session, save_path: str) -> None:
    """Restores the variables, see `KMeansSaver.restore`.

    Args:
      sess: the session to restore into.
      save_path: the checkpoint.

    Raises:
      ValueError: see `KMeansSaver.restore`; or the model was trained with a
        different distance metric or on features with different names.
      tf.errors.DataLossError: the checkpoint is damaged.
    """
    if self._description:
      self._description.check(os.path.dirname(save_path))
    super().restore(sess, save_path)
    self._has_restored = True


def check_folder(model_dir: str) -> None:
  """Refuses a folder in which TensorFlow would not find its checkpoints.

  Args:
    model_dir: the folder.

  Raises:
    ValueError: the path of the folder contains a character that TensorFlow
      interprets as part of a pattern.
  """
  patterns = '[*?' if os.name == 'nt' else '[*?\\'
  found = [character for character in patterns if character in model_dir]
  if found:
    raise ValueError(
        f'model_dir must not contain {" or ".join(found)}, which TensorFlow '
        'interprets as a pattern when it looks for checkpoints; got '
        f'{model_dir!r}. Rename the folder.'
    )


def _read(folder):
  """Returns the description in a folder; {} if it is missing or unreadable."""
  try:
    with tf.io.gfile.GFile(os.path.join(folder, _FILE)) as file:
      content = json.loads(file.read())
  except (tf.errors.OpError, ValueError):
    return {}
  return content if isinstance(content, dict) else {}
