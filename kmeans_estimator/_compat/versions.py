# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Checks the versions of TensorFlow and tensorflow-estimator."""

import importlib.util
from typing import Tuple

import tensorflow as tf

_OLDEST = (2, 13)
_NEWEST = (2, 21)
_LAST_WITH_ESTIMATOR = (2, 15)


def check_tensorflow(version: str) -> None:
  """Refuses a TensorFlow that this package does not support.

  Args:
    version: `tf.__version__`.

  Raises:
    ImportError: `version` is outside the supported range.
  """
  if not _OLDEST <= release(version) <= _NEWEST:
    raise ImportError(
        'kmeans_estimator works with TensorFlow '
        f'{_dotted(_OLDEST)} to {_dotted(_NEWEST)}; found TensorFlow '
        f'{version}. Install a supported version.'
    )


def check_tensorflow_estimator(version: str) -> None:
  """Requires the package tensorflow-estimator.

  Args:
    version: `tf.__version__`, on which the release in the message depends.

  Raises:
    ImportError: tensorflow-estimator is not installed.
  """
  if importlib.util.find_spec('tensorflow_estimator') is None:
    wanted = min(release(version), _LAST_WITH_ESTIMATOR)
    raise ImportError(
        'kmeans_estimator needs the package tensorflow-estimator, which is not '
        'installed. Install it with: python -m pip install '
        f'"tensorflow-estimator=={_dotted(wanted)}.*"'
    )


def tensorflow_has_estimator() -> bool:
  """Returns whether the installed TensorFlow contains `tf.estimator`."""
  return release(tf.__version__) <= _LAST_WITH_ESTIMATOR


def release(version: str) -> Tuple[int, ...]:
  """Returns the major and minor version: (2, 21) for '2.21.0-rc1'."""
  return tuple(int(part) for part in version.split('.')[:2])


def _dotted(numbers):
  return '.'.join(map(str, numbers))
