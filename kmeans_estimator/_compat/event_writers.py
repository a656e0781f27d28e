# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The event writers that TensorFlow keeps open, one for each folder.

TensorFlow has no public way to close one of them and forget it.
"""

from typing import Any, Optional

import tensorflow as tf

_Cache = tf.compat.v1.summary.FileWriterCache
# What its threads are called.
THREAD_NAME = 'EventLoggerThread'


def is_open(folder: str) -> bool:
  """Whether TensorFlow has a writer for a folder."""
  return folder in _Cache._cache


def pop(folder: str) -> Optional[Any]:
  """Makes TensorFlow forget the writer for a folder.

  Args:
    folder: where the writer writes.

  Returns:
    The `tf.compat.v1.summary.FileWriter`, which is still open; None if there is
    none.
  """
  with _Cache._lock:
    return _Cache._cache.pop(folder, None)


def path(writer: Any) -> str:
  """Returns the path of the file that a `FileWriter` writes."""
  return tf.compat.as_str(writer.event_writer._ev_writer.FileName())
