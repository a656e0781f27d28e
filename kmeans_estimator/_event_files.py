# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Closes the event files of a model when its Estimators are gone.

TensorFlow opens one event file for each folder that summaries go to, and keeps
it open, with a thread that writes to it, until the process ends. That gives all
`train`s of an Estimator one file, and a process that trains a thousand models a
thousand open files.
"""

import os
import threading
import time
from typing import Any, Set
import weakref

import tensorflow as tf

from kmeans_estimator._compat import event_writers

_lock = threading.Lock()
_in_use: Any = weakref.WeakValueDictionary()


def of(model_dir: str) -> 'EventFiles':
  """Returns the event files of a model, to be held by each of its Estimators.

  Args:
    model_dir: where the model is.
  """
  with _lock:
    files = _in_use.get(model_dir)
    if files is None:
      files = _in_use[model_dir] = EventFiles(model_dir)
    return files


class EventFiles:
  """Closes a model's event files once nobody refers to this object any more."""

  def __init__(self, model_dir: str):
    """Use `of`, so that all Estimators of a model share one object.

    Args:
      model_dir: where the model is.
    """
    self._model_dir = model_dir
    self._folders: Set[str] = set()
    weakref.finalize(self, _close, self._folders)

  def will_open(self, folder: str) -> None:
    """Takes charge of the event file that TensorFlow may open in a folder.

    Args:
      folder: where TensorFlow will write summaries. If an event file is open
        there already, it belongs to whoever opened it.
    """
    if not event_writers.is_open(folder):
      self._folders.add(folder)

  def __reduce__(self) -> Any:
    # Copies of an Estimator write to the same files.
    return of, (self._model_dir,)


def _close(folders: Set[str]) -> None:
  writers = [event_writers.pop(folder) for folder in folders]
  writers = [writer for writer in writers if writer is not None]
  # Garbage is collected in any thread. A writer's own cannot wait for itself.
  if threading.current_thread().name == event_writers.THREAD_NAME:
    threading.Thread(target=_close_writers, args=(writers,)).start()
  else:
    _close_writers(writers)


def _close_writers(writers):
  for writer in writers:
    try:
      writer.close()
      _make_unique(event_writers.path(writer))
    except (OSError, tf.errors.OpError) as error:
      tf.compat.v1.logging.warning(
          'Summaries in %s are incomplete: %s', writer.get_logdir(), error
      )


def _make_unique(path):
  """Renames an event file that TensorFlow would overwrite.

  Its name tells the second in which it was opened. If TensorFlow opens another
  one in that second, that one has the same name.
  """
  if f'.{int(time.time())}.' not in os.path.basename(path):
    return
  number = 1
  while tf.io.gfile.exists(f'{path}.{number}'):
    number += 1
  tf.io.gfile.rename(path, f'{path}.{number}')
