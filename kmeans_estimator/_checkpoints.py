# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which checkpoint of a model is damaged, and which one is whole.

TensorFlow reports a damaged file without its name, and takes a folder without a
readable `checkpoint` file for an empty one: it would train a new model over the
checkpoints of the old one.
"""

import contextlib
import os
import re
from typing import Iterator, List, Optional

import tensorflow as tf

# As Estimator and its hooks name the files of a checkpoint.
_FILE = re.compile(r'(model\.ckpt-(\d+))\.(index|data-\d{5}-of-\d{5})')

# What TensorFlow raises where it cannot read a file; the second, where a file
# is too short.
_READ_ERRORS = (tf.errors.OpError, IndexError)


def check_latest(model_dir: str) -> None:
  """Refuses a folder that holds checkpoints, but not the latest one.

  Reads the file `checkpoint` and looks for one other file.

  Args:
    model_dir: the folder. It may be empty or not exist.

  Raises:
    tf.errors.DataLossError: the file `checkpoint` is missing beside checkpoints
      or cannot be read, or the checkpoint that it names is missing.
  """
  state_file = os.path.join(model_dir, 'checkpoint')
  if tf.io.gfile.exists(state_file):
    state = _state(model_dir)
    if state is not None:
      _check_exists(state.model_checkpoint_path, model_dir)
      return
    problem = 'cannot be read'
  else:
    if not _checkpoints(model_dir):
      return
    problem = 'is missing'
  raise _data_loss(
      f'The file {state_file}, which names the latest checkpoint, {problem}.',
      model_dir,
  )


@contextlib.contextmanager
def explained(prefix: str) -> Iterator[None]:
  """Explains the errors of what reads a checkpoint inside.

  Args:
    prefix: the checkpoint, as `tf.train.latest_checkpoint` returns it.

  Yields:
    Nothing.

  Raises:
    tf.errors.DataLossError: something inside failed, as the checkpoint is
      damaged.
  """
  try:
    yield
  except _READ_ERRORS as error:
    problem = problem_of(prefix)
    if problem is None:
      raise
    raise _damaged(prefix, problem, os.path.dirname(prefix)) from error


def problem_of(prefix: str) -> Optional[str]:
  """Reads all of a checkpoint.

  Args:
    prefix: the checkpoint, as `tf.train.latest_checkpoint` returns it.

  Returns:
    What is wrong with which file; None if the checkpoint is whole.
  """
  folder, name = os.path.split(prefix)
  files = _files(folder)
  if name in files:  # All of a checkpoint of TensorFlow 0.x.
    return None
  index = prefix + '.index'
  shards = sorted(
      file
      for file in files
      if re.fullmatch(re.escape(name) + r'\.data-\d{5}-of-\d{5}', file)
  )
  num_shards = int(shards[-1][-5:]) if shards else 1
  data = [
      f'{prefix}.data-{shard:05d}-of-{num_shards:05d}'
      for shard in range(num_shards)
  ]
  for path in (index, *data):
    if os.path.basename(path) not in files:
      return f'the file {path} is missing'
    if not tf.io.gfile.stat(path).length:
      return f'the file {path} is empty'
  try:
    reader = tf.train.load_checkpoint(prefix)
  except _READ_ERRORS as error:
    return f'the file {index} is cut off or altered ({error})'
  for variable in sorted(reader.get_variable_to_shape_map()):
    try:
      reader.get_tensor(variable)
    except _READ_ERRORS as error:
      return (
          f'the file {" or ".join(data)} is cut off or altered: variable '
          f'{variable!r} cannot be read ({error})'
      )
  return None


def _state(model_dir):
  """What the file `checkpoint` says, or None if it says nothing."""
  try:
    return tf.train.get_checkpoint_state(model_dir)
  except ValueError:  # Not text, or an empty file.
    return None


def _check_exists(prefix, model_dir):
  index = prefix + '.index'
  if not (tf.io.gfile.exists(index) or tf.io.gfile.exists(prefix)):
    raise _damaged(prefix, f'the file {index} is missing', model_dir)


def _damaged(prefix, problem, folder):
  return _data_loss(
      f'The checkpoint {prefix} is damaged: {problem}.', folder, but=prefix
  )


def _data_loss(problem, folder, but=None):
  """The error that states a problem and says how to go on from it."""
  for checkpoint in _checkpoints(folder):
    path = os.path.join(folder, checkpoint)
    if path != but and problem_of(path) is None:
      advice = (
          f'The latest whole checkpoint is {path}. To go back to it, let the '
          f'file {os.path.join(folder, "checkpoint")} consist of this line:\n'
          f'model_checkpoint_path: "{checkpoint}"'
      )
      break
  else:
    advice = (
        f'No checkpoint in {folder} is whole. To train a new model, give '
        'another model_dir, or delete the files of the old model.'
    )
  return tf.errors.DataLossError(None, None, f'{problem} {advice}')


def _checkpoints(folder) -> List[str]:
  """The names of checkpoints of which there is at least one file, newest first.
  """
  matches = filter(None, map(_FILE.fullmatch, _files(folder)))
  steps = {match[1]: int(match[2]) for match in matches}
  return sorted(steps, key=lambda name: steps[name], reverse=True)


def _files(folder) -> List[str]:
  # No pattern, in which the name of a folder may have a meaning of its own.
  try:
    return tf.io.gfile.listdir(folder or '.')
  except tf.errors.NotFoundError:
    return []
