# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Finds damaged checkpoints and explains how to return to an intact one.

TensorFlow's errors do not name a damaged file. And TensorFlow treats a folder
without a readable `checkpoint` file as empty: it would train a new model over
the checkpoints of the old model.
"""

import contextlib
import os
import re
from typing import Iterator, List, Optional

import tensorflow as tf

# The names that Estimator and its hooks give to the files of a checkpoint.
_FILE = re.compile(r'(model\.ckpt-(\d+))\.(index|data-\d{5}-of-\d{5})')

# The errors that TensorFlow raises if it cannot read a file. For a file that is
# too short it raises IndexError.
READ_ERRORS = (tf.errors.OpError, IndexError)


def check_latest(model_dir: str) -> None:
  """Refuses a folder that holds checkpoints, but not the latest checkpoint.

  The check is cheap: it reads the file `checkpoint`, and only looks whether the
  checkpoint that this file names exists.

  Args:
    model_dir: the folder. It may be empty or not exist.

  Raises:
    tf.errors.DataLossError: the folder holds checkpoints but no file
      `checkpoint`, or that file cannot be read, or the checkpoint that it names
      is missing.
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


def check_given(prefix: str) -> None:
  """Refuses a checkpoint path of which there is no file.

  Args:
    prefix: the `checkpoint_path` that the user gave.

  Raises:
    ValueError: there is no such checkpoint.
  """
  folder, name = os.path.split(os.fsdecode(prefix))
  files = _files(folder)
  is_file = re.search(r'\.(index|data-[-\w]+)$', name)
  if not is_file and any(
      file == name or file.startswith(name + '.') for file in files
  ):
    return
  raise ValueError(
      f'checkpoint_path: there is no checkpoint {prefix}. Give the path '
      'without the ending of a file, such as MODEL_DIR/model.ckpt-100.'
  )


@contextlib.contextmanager
def explained(prefix: str) -> Iterator[None]:
  """Explains errors raised inside this context by a damaged checkpoint.

  Args:
    prefix: the checkpoint that the code inside reads, as
      `tf.train.latest_checkpoint` returns it.

  Yields:
    None.

  Raises:
    tf.errors.DataLossError: the code inside raised an error, and the checkpoint
      is damaged. The message names the file.
  """
  try:
    yield
  except READ_ERRORS as error:
    problem = problem_of(prefix)
    if problem is None:
      raise
    raise _damaged(prefix, problem, os.path.dirname(prefix)) from error


def problem_of(prefix: str) -> Optional[str]:
  """Reads a whole checkpoint to find damage.

  Args:
    prefix: the checkpoint, as `tf.train.latest_checkpoint` returns it.

  Returns:
    A description of the damage that names the file; None if the checkpoint is
    intact.
  """
  folder, name = os.path.split(prefix)
  files = _files(folder)
  if name in files:  # Format V1 of TensorFlow 0.x: the checkpoint is one file.
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
    reader = tf.compat.v1.train.NewCheckpointReader(prefix)
  except READ_ERRORS as error:
    return f'the file {index} is cut off or altered ({error})'
  for variable in sorted(reader.get_variable_to_shape_map()):
    try:
      reader.get_tensor(variable)
    except READ_ERRORS as error:
      return (
          f'the file {" or ".join(data)} is cut off or altered: variable '
          f'{variable!r} cannot be read ({error})'
      )
  return None


def _state(model_dir):
  """Returns the content of the file `checkpoint`; None if it is unreadable."""
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
  """Returns an error that states a problem and how to continue training."""
  for checkpoint in _checkpoints(folder):
    path = os.path.join(folder, checkpoint)
    if path != but and problem_of(path) is None:
      advice = (
          f'The latest intact checkpoint is {path}. To go back to it, replace '
          f'the content of the file {os.path.join(folder, "checkpoint")} by '
          'this line:\n'
          f'model_checkpoint_path: "{checkpoint}"'
      )
      break
  else:
    advice = (
        f'No checkpoint in {folder} is intact. To train a new model, give '
        'another model_dir, or delete the files of the old model.'
    )
  return tf.errors.DataLossError(None, None, f'{problem} {advice}')


def _checkpoints(folder) -> List[str]:
  """Returns names of checkpoints with at least one file, latest first."""
  matches = filter(None, map(_FILE.fullmatch, _files(folder)))
  steps = {match[1]: int(match[2]) for match in matches}
  return sorted(steps, key=lambda name: steps[name], reverse=True)


def _files(folder) -> List[str]:
  # Not `glob`: the name of the folder may contain characters of a pattern.
  try:
    return tf.io.gfile.listdir(folder or '.')
  except tf.errors.NotFoundError:
    return []
