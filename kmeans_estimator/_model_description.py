# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint does not say of its model, in a file beside it.

The reference's checkpoints hold neither the distance metric nor the names of
the features, and its readers look at nothing but checkpoints. So the file may
be missing, and then nothing is known.
"""

import dataclasses
import json
import os
from typing import Any, List, Optional

import tensorflow as tf

from kmeans_estimator import saver as saver_lib

_FILE = 'kmeans.json'
# Estimator's name for the features of an export that have no name.
_NAMELESS = ['feature']


@dataclasses.dataclass(frozen=True)
class Description:
  """What a graph takes its points for.

  Attributes:
    distance_metric: as the Estimator was given it.
    feature_names: in the order of the columns; None where they have no names.
  """

  distance_metric: str
  feature_names: Optional[List[str]] = None

  def check(self, folder: str) -> None:
    """Refuses to go on with the model in a folder if it is another one.

    Args:
      folder: where the model's checkpoints are.

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
          f'was trained on {names}. Give features of these names.'
      )

  def write(self, folder: str, goes_on: bool) -> None:
    """Describes the model in a folder, unless the file says the same.

    Args:
      folder: where the model's checkpoints are.
      goes_on: whether the model is the one that the file is of, so that names
        stay known if it is trained on features without any.
    """
    before = _read(folder)
    content = dataclasses.asdict(self)
    if goes_on and self.feature_names is None:
      content['feature_names'] = before.get('feature_names')
    if content == before:
      return
    path = os.path.join(folder, _FILE)
    # Nobody is to read half of it.
    with tf.io.gfile.GFile(path + '.new', 'w') as file:
      file.write(json.dumps(content, indent=2) + '\n')
    tf.io.gfile.rename(path + '.new', path, overwrite=True)


class DescribedSaver(saver_lib.KMeansSaver):
  """A `KMeansSaver` that keeps a description beside its checkpoints."""

  _description: Optional[Description] = None
  _has_restored = False

  def described_by(self, description: Description) -> 'DescribedSaver':
    """Sets what the graph takes its points for; returns the saver."""
    self._description = description
    return self

  def save(
      self, sess: tf.compat.v1.Session, *args: Any, **kwargs: Any
  ) -> Optional[str]:
    """Saves the variables, see `KMeansSaver.save`, and the description.

    Args:
      sess: the session to save from.
      *args: as `tf.compat.v1.train.Saver.save`.
      **kwargs: likewise. `write_state=False` is for exports, which are read
        with a signature and need no description.

    Returns:
      As `KMeansSaver.save`.
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
      ValueError: as `KMeansSaver.restore`; or the model was trained with
        another distance metric, or on features of other names.
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
    ValueError: its name holds a character that TensorFlow takes for a pattern.
  """
  patterns = '[*?' if os.name == 'nt' else '[*?\\'
  found = [character for character in patterns if character in model_dir]
  if found:
    raise ValueError(
        f'model_dir must not contain {" or ".join(found)}, which TensorFlow '
        'takes for patterns when it looks for checkpoints; got '
        f'{model_dir!r}. Rename the folder.'
    )


def _read(folder):
  """The description in a folder; empty where there is none to be read."""
  try:
    with tf.io.gfile.GFile(os.path.join(folder, _FILE)) as file:
      content = json.loads(file.read())
  except (tf.errors.OpError, ValueError):
    return {}
  return content if isinstance(content, dict) else {}
