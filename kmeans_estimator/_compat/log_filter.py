# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Drops deprecation warnings that the user of an Estimator cannot act on."""

import functools
import importlib.util
import logging
import os
from typing import Any

import tensorflow as tf


def install() -> None:
  """Adds the filter to TensorFlow's logger. Calling it again has no effect."""
  tf.get_logger().addFilter(_the_filter())


@functools.lru_cache(maxsize=None)
def _the_filter():
  return _UselessDeprecations()


class _UselessDeprecations(logging.Filter):
  """Drops three kinds of deprecation warnings.

  They are: advice to use Keras, which has no k-means; advice to write
  `tf.compat.v1.estimator`, even to programs that write it; and warnings about
  code in TensorFlow, tensorflow-estimator or this package.
  """

  def __init__(self):
    super().__init__()
    own = __package__.partition('.')[0]
    self._packages = tuple(
        _folder(name) for name in ('tensorflow', 'tensorflow_estimator', own)
    )

  def filter(self, record):
    if 'is deprecated' not in str(record.msg):
      return True
    # Any code may write to this logger, with arguments of any type.
    if not isinstance(record.args, tuple) or len(record.args) < 2:
      return True
    place, name, *advice = record.args
    return not (
        advice[-1:] == ['Use tf.keras instead.']
        or str(name).startswith('tf.estimator')
        or str(place).startswith(self._packages)
    )


def _folder(package):
  spec: Any = importlib.util.find_spec(package)
  return os.path.dirname(spec.origin) + os.sep
