# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Fused ops for CPUs, in C++: the one place that knows of the library.

The library is built with the package where there is a C++ compiler. It uses
TensorFlow's C API alone, so one build runs on every release. The environment
variable `KMEANS_ESTIMATOR_NATIVE=0` keeps it from being loaded. Without it
`is_available` is false, and callers build portable ops.

Each op is the counterpart of a portable function, named where it is defined
below. `tests` run both on the same cases.
"""

import ctypes
import functools
import os
import pathlib
from typing import Any, List, NamedTuple, Optional, Union

import tensorflow as tf

_LIBRARY = pathlib.Path(__file__).with_name('_kernels.so')
_SWITCH = 'KMEANS_ESTIMATOR_NATIVE'

Integer = Union[int, tf.Tensor]


class Allocated(NamedTuple):
  """What one pass over the points gives; see `allocation`.

  Attributes:
    index: int64 `[n]`, the nearest center.
    distance: `[n]` of the points' dtype, the distance to it.
    sums: float64 `[k, d]`, the sum of weight times point, by center.
    totals: float64 `[k]`, the sum of weights, by center.
  """

  index: tf.Tensor
  distance: tf.Tensor
  sums: tf.Tensor
  totals: tf.Tensor


class _Loading(NamedTuple):
  """How loading the library ended: one of the two is None.

  Attributes:
    library: the module of the ops.
    failure: why there is none.
  """

  library: Optional[Any]
  failure: Optional[str]


@functools.lru_cache(maxsize=None)
def _load() -> _Loading:
  if os.environ.get(_SWITCH) == '0':
    return _Loading(None, f'{_SWITCH}=0 switches the native ops off')
  if not _LIBRARY.exists():
    return _Loading(
        None,
        'the native ops are not built; installing kmeans_estimator builds them '
        'where there is a C++ compiler',
    )
  if _is_stale():
    tf.compat.v1.logging.warning(
        'The native ops of kmeans_estimator are older than their sources in '
        '%s. Run `python build_native.py` in the checkout.',
        _LIBRARY.parent,
    )
  # TensorFlow up to 2.15 loads its own library in private.
  framework = sorted(
      pathlib.Path(tf.sysconfig.get_lib()).glob('libtensorflow_framework.*')
  )
  try:
    ctypes.CDLL(str(framework[0]), ctypes.RTLD_GLOBAL)
    return _Loading(tf.load_op_library(str(_LIBRARY)), None)
  except (tf.errors.NotFoundError, IndexError, OSError) as error:
    failure = f'{_LIBRARY} could not be loaded ({error})'
    tf.compat.v1.logging.warning(
        'kmeans_estimator uses its portable ops, which are slower: %s.', failure
    )
    return _Loading(None, failure)


def _is_stale() -> bool:
  """Whether sources beside the library, as in a checkout, are newer."""
  built = _LIBRARY.stat().st_mtime
  return any(
      path.suffix in ('.cc', '.h') and path.stat().st_mtime > built
      for path in _LIBRARY.parent.iterdir()
  )


def _library() -> Optional[Any]:
  """The module of the ops; None if they are not available."""
  return _load().library


def is_available() -> bool:
  """Whether the ops can be used in this process."""
  return _library() is not None


def unavailable_because() -> Optional[str]:
  """Why the ops cannot be used in this process; None if they can."""
  return _load().failure


def instruction_set() -> Optional[str]:
  """The instruction set that the ops use; None if they are not available."""
  if not is_available():
    return None
  name = ctypes.CDLL(str(_LIBRARY)).kmeans_estimator_instruction_set
  name.restype = ctypes.c_char_p
  return name().decode()


def _optional(weights: Optional[tf.Tensor]) -> List[tf.Tensor]:
  return [] if weights is None else [weights]


def _int64(value: Integer) -> tf.Tensor:
  if isinstance(value, int):
    # A seed may be any integer of 64 bits, with or without a sign.
    value = (value + 2**63) % 2**64 - 2**63
    return tf.constant(value, tf.int64)
  return tf.cast(value, tf.int64)
