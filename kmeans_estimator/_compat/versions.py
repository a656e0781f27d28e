# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which TensorFlow this package runs on, and what that TensorFlow contains."""

import importlib.util
from typing import Tuple

import tensorflow as tf

_OLDEST = (2, 13)
_NEWEST = (2, 21)
_LAST_WITH_ESTIMATOR = (2, 15)


def check_tensorflow(version: str) -> None:
  """Refuses a TensorFlow that this package was not written for.

  Args:
    version: `tf.__version__`.

  Raises:
    ImportError: `version` is outside the supported range.
  """
  if not _OLDEST <= release(version) <= _NEWEST:
    raise ImportError(
        'kmeans_estimator works with TensorFlow '
        f'{_dotted(_OLDEST)} to {_dotted(_NEWEST)}; found TensorFlow {version}.'
    )


def check_tensorflow_estimator(version: str) -> None:
  """Requires the package tensorflow-estimator.

  Args:
    version: `tf.__version__`, which decides the release to install.

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
  """Whether the installed TensorFlow has `tf.estimator` by itself."""
  return release(tf.__version__) <= _LAST_WITH_ESTIMATOR


def release(version: str) -> Tuple[int, ...]:
  """Returns major and minor number: (2, 21) for '2.21.0-rc1'."""
  return tuple(int(part) for part in version.split('.')[:2])


def _dotted(numbers):
  return '.'.join(map(str, numbers))
