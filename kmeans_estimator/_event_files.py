# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Closes the event files of a model when its Estimators are deleted.

TensorFlow opens one event file for each folder that it writes summaries to, and
keeps the file and a thread that writes to it until the process ends. All calls
of `train` of an Estimator thus share one file. But a process that trains a
thousand models would have a thousand open files and threads.
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
  """Returns the event files of a model, shared by all its Estimators.

  Each Estimator of the model keeps a reference to the returned object.

  Args:
    model_dir: the folder of the model.
  """
  with _lock:
    files = _in_use.get(model_dir)
    if files is None:
      files = _in_use[model_dir] = EventFiles(model_dir)
    return files


class EventFiles:
  """Closes a model's event files when this object is garbage collected."""

  def __init__(self, model_dir: str):
    """Creates the object. Call `of` instead: it returns one object per model.

    Args:
      model_dir: the folder of the model.
    """
    self._model_dir = model_dir
    self._folders: Set[str] = set()
    weakref.finalize(self, _close, self._folders)

  def will_open(self, folder: str) -> None:
    """Registers a folder where TensorFlow may open an event file.

    If an event file is open in the folder already, the code that opened it must
    close it, and this object does not.

    Args:
      folder: the folder that TensorFlow will write summaries to.
    """
    if not event_writers.is_open(folder):
      self._folders.add(folder)

  def __reduce__(self) -> Any:
    # Copied Estimators write to the same files, so they share this object.
    return of, (self._model_dir,)


def _close(folders: Set[str]) -> None:
  writers = [event_writers.pop(folder) for folder in folders]
  writers = [writer for writer in writers if writer is not None]
  # Python collects garbage in any thread, possibly in the thread of a writer.
  # Closing the writer waits for that thread, so it must happen in a new thread.
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
  """Renames a closed event file that TensorFlow could overwrite.

  The file's name holds the second in which it was opened. If TensorFlow opens a
  second file in the same second, it gives the file the same name.
  """
  if f'.{int(time.time())}.' not in os.path.basename(path):
    return
  number = 1
  while tf.io.gfile.exists(f'{path}.{number}'):
    number += 1
  tf.io.gfile.rename(path, f'{path}.{number}')
