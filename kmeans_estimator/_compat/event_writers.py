# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Access to the event writers that TensorFlow keeps open, one per folder.

TensorFlow has no public function that removes a single writer from this cache.
"""

from typing import Any, Optional

import tensorflow as tf

_Cache = tf.compat.v1.summary.FileWriterCache
# The name that TensorFlow gives to the threads of event writers.
THREAD_NAME = 'EventLoggerThread'


def is_open(folder: str) -> bool:
  """Returns whether TensorFlow has an open writer for a folder."""
  return folder in _Cache._cache


def pop(folder: str) -> Optional[Any]:
  """Removes the writer for a folder from TensorFlow's cache.

  Args:
    folder: the folder that the writer writes to.

  Returns:
    The `tf.compat.v1.summary.FileWriter`, which is still open; None if the
    cache has no writer for the folder.
  """
  with _Cache._lock:
    return _Cache._cache.pop(folder, None)


def path(writer: Any) -> str:
  """Returns the path of the file that a `FileWriter` writes."""
  return tf.compat.as_str(writer.event_writer._ev_writer.FileName())
