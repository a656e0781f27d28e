# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Loads the fused C++ ops for CPUs and wraps each op in a function.

Installing the package builds the library of these ops if there is a C++
compiler. The library uses only TensorFlow's C API, so one build runs on every
supported release. The environment variable `KMEANS_ESTIMATOR_NATIVE=0` disables
it. If the library is not loaded, `is_available` returns False, and callers use
portable ops.

Each op replaces a portable function, which the docstring of its wrapper names.
The tests run both on the same cases.
"""

import ctypes
import functools
import os
import pathlib
from typing import Any, List, NamedTuple, Optional, Tuple

import tensorflow as tf

from kmeans_estimator.ops import sizes

_LIBRARY = pathlib.Path(__file__).with_name('_kernels.so')
_SWITCH = 'KMEANS_ESTIMATOR_NATIVE'


class Allocated(NamedTuple):
  """The results of `allocate`.

  Attributes:
    index: int64 `[n]`, the nearest center of each point.
    distance: `[n]` of the points' dtype, the distance to that center.
    sums: float64 `[k, d]`, for each center the sum of weight times point.
    totals: float64 `[k]`, for each center the sum of weights.
  """

  index: tf.Tensor
  distance: tf.Tensor
  sums: tf.Tensor
  totals: tf.Tensor


class _Loading(NamedTuple):
  """The outcome of loading the library: exactly one attribute is None.

  Attributes:
    library: the module of the ops.
    failure: why the library is not loaded.
  """

  library: Optional[Any]
  failure: Optional[str]


@functools.lru_cache(maxsize=None)
def _load() -> _Loading:
  if os.environ.get(_SWITCH) == '0':
    return _Loading(None, f'{_SWITCH}=0 disables the native ops')
  if not _LIBRARY.exists():
    return _Loading(
        None,
        'the native ops are not built; install a C++ compiler, then reinstall '
        'kmeans_estimator',
    )
  if _is_stale():
    tf.compat.v1.logging.warning(
        'The native ops of kmeans_estimator are older than their sources in '
        '%s. Run `python build_native.py` in the checkout.',
        _LIBRARY.parent,
    )
  # TensorFlow up to 2.15 loads its framework library without making its symbols
  # visible to other libraries. Load it again, with RTLD_GLOBAL.
  framework = sorted(
      pathlib.Path(tf.sysconfig.get_lib()).glob('libtensorflow_framework.*')
  )
  try:
    ctypes.CDLL(str(framework[0]), ctypes.RTLD_GLOBAL)
    return _Loading(tf.load_op_library(str(_LIBRARY)), None)
  except (tf.errors.NotFoundError, IndexError, OSError) as error:
    failure = f'{_LIBRARY} could not be loaded ({error})'
    tf.compat.v1.logging.warning(
        'kmeans_estimator uses its portable ops, which are slower, because %s.',
        failure,
    )
    return _Loading(None, failure)


def _is_stale() -> bool:
  """Returns whether source files next to the library are newer than it."""
  built = _LIBRARY.stat().st_mtime
  return any(
      path.suffix in ('.cc', '.h') and path.stat().st_mtime > built
      for path in _LIBRARY.parent.iterdir()
  )


def _library() -> Any:
  """Returns the module of the ops; None if they are not available."""
  return _load().library


def is_available() -> bool:
  """Returns whether this process can use the ops."""
  return _library() is not None


def unavailable_because() -> Optional[str]:
  """Returns why this process cannot use the ops; None if it can."""
  return _load().failure


def instruction_set() -> Optional[str]:
  """Returns the instruction set of the ops; None if they are not available."""
  if not is_available():
    return None
  name = ctypes.CDLL(str(_LIBRARY)).kmeans_estimator_instruction_set
  name.restype = ctypes.c_char_p
  return name().decode()


def use_instruction_set(name: Optional[str]) -> bool:
  """Sets the instruction set of the ops in all graphs of this process.

  Args:
    name: 'AVX-512', 'AVX2', 'SSE2' or 'NEON'; None: the best available.

  Returns:
    Whether the processor and the library support the instruction set. If not,
    nothing changes.
  """
  if not is_available():
    return False
  use = ctypes.CDLL(str(_LIBRARY)).kmeans_estimator_use_instruction_set
  use.argtypes = [ctypes.c_char_p]
  return bool(use(name and name.encode()))


def _optional(weights: Optional[tf.Tensor]) -> List[tf.Tensor]:
  return [] if weights is None else [weights]


def _int64(value: sizes.Integer) -> tf.Tensor:
  if isinstance(value, int):
    # A seed may be any signed or unsigned 64-bit integer.
    value = (value + 2**63) % 2**64 - 2**63
    return tf.constant(value, tf.int64)
  return tf.cast(value, tf.int64)


def allocate(
    points: tf.Tensor,
    centers: tf.Tensor,
    cosine: bool,
    parts: int,
    weights: Optional[tf.Tensor] = None,
) -> Allocated:
  """Finds nearest centers and sums points; see `allocation.allocate`.

  Args:
    points: float32 or float64 `[n, d]`.
    centers: `[k, d]` of the points' dtype; for the cosine metric with rows of
      unit length or 0.
    cosine: whether the metric is the cosine distance.
    parts: number of nodes that share the rows. TensorFlow can run each node on
      a thread of its own.
    weights: `[n]` of the points' dtype; None: every point has weight 1.

  Returns:
    An `Allocated`, which does not depend on the number of threads.
  """
  allocated = [
      Allocated(
          *_library().kmeans_estimator_allocate(
              points=points,
              centers=centers,
              weights=_optional(weights),
              cosine=cosine,
              part=part,
              parts=parts,
              # TensorFlow sorts the inputs of add_n by name. With these names
              # it adds the parts in the order of their rows in every graph.
              name=f'allocate_{part:02}',
          )
      )
      for part in range(parts)
  ]
  index, distance, sums, totals = zip(*allocated)
  index, distance = _joined(index, distance, points)
  if parts == 1:
    return Allocated(index, distance, sums[0], totals[0])
  return Allocated(index, distance, tf.add_n(sums), tf.add_n(totals))


def nearest(
    points: tf.Tensor, centers: tf.Tensor, cosine: bool, parts: int
) -> Tuple[tf.Tensor, tf.Tensor]:
  """Finds the nearest centers; see `allocation.nearest`.

  Args:
    points: as in `allocate`.
    centers: as in `allocate`.
    cosine: as in `allocate`.
    parts: as in `allocate`.

  Returns:
    `index` and `distance`, as in `Allocated`.
  """
  found = [
      _library().kmeans_estimator_nearest(
          points=points,
          centers=centers,
          cosine=cosine,
          part=part,
          parts=parts,
      )
      for part in range(parts)
  ]
  index, distance = zip(*found)
  return _joined(index, distance, points)


def _joined(index, distance, points):
  """Concatenates the results of all parts and sets their static shapes."""
  index, distance = (
      parts[0] if len(parts) == 1 else tf.concat(parts, 0)
      for parts in (index, distance)
  )
  for result in (index, distance):
    result.set_shape(points.shape[:1])
  return index, distance


def relocate(
    points: tf.Tensor,
    allocated: Allocated,
    cosine: bool,
    weights: Optional[tf.Tensor] = None,
) -> Tuple[tf.Tensor, tf.Tensor]:
  """Moves the farthest points to empty clusters; see `relocation.relocate`.

  Args:
    points: as in `allocate`.
    allocated: the result of `allocate`.
    cosine: as in `allocate`.
    weights: as in `allocate`.

  Returns:
    `sums` and `totals` as in `Allocated`.
  """
  return _library().kmeans_estimator_relocate(
      points=points,
      index=allocated.index,
      distance=allocated.distance,
      sums=allocated.sums,
      totals=allocated.totals,
      weights=_optional(weights),
      cosine=cosine,
  )


def check_finite(
    points: tf.Tensor, distance: tf.Tensor, total: tf.Tensor, message: str
) -> tf.Operation:
  """Fails if a batch holds NaN or Inf; see `points.assert_finite`.

  Args:
    points: float32 or float64 `[n, d]`.
    distance: `[n]` of the points' dtype.
    total: scalar of the points' dtype.
    message: the beginning of the error message.

  Returns:
    The op that checks; None in eager execution, where the check has run.
  """
  return _library().kmeans_estimator_check_finite(
      points=points, distance=distance, total=total, message=message
  )


def weigh(
    weights: tf.Tensor, distance: tf.Tensor
) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """Multiplies distances by weights; see `points.weigh`.

  Args:
    weights: float32 or float64 `[n]`.
    distance: `[n]` of the weights' dtype.

  Returns:
    `distance`, `total` and `lightest`, as in `points.Weighed`.
  """
  return _library().kmeans_estimator_weigh(weights=weights, distance=distance)


def check_weights(
    weights: tf.Tensor, total: tf.Tensor, message: str
) -> tf.Operation:
  """Fails if weights cannot be used; see `points.assert_weights`.

  Args:
    weights: float32 or float64 `[n]`.
    total: scalar of the weights' dtype.
    message: the beginning of the error message.

  Returns:
    The op that checks; None in eager execution, where the check has run.
  """
  return _library().kmeans_estimator_check_weights(
      weights=weights, total=total, message=message
  )


def kmeans_plus_plus(
    points: tf.Tensor,
    num_to_sample: sizes.Integer,
    num_candidates: sizes.Integer,
    seed: sizes.Integer,
    stream: sizes.Integer = 0,
    weights: Optional[tf.Tensor] = None,
) -> tf.Tensor:
  """Chooses rows by k-means++; see `kmeans_plus_plus.choose_rows`.

  Args:
    points: float32 or float64 `[n, d]`.
    num_to_sample: m, at most n.
    num_candidates: number of candidates for each row.
    seed: seed of the random stream.
    stream: index of the seed's stream, see `philox`.
    weights: `[n]` of the points' dtype; None: every point has weight 1.

  Returns:
    int64 `[m]`, distinct rows in the order in which they were drawn.
  """
  return _library().kmeans_estimator_kmeans_plus_plus(
      points=points,
      num_to_sample=_int64(num_to_sample),
      num_candidates=_int64(num_candidates),
      seed=_int64(seed),
      stream=_int64(stream),
      weights=_optional(weights),
  )


def kmc2(
    points: tf.Tensor,
    centers: tf.Tensor,
    missing: sizes.Integer,
    chain_length: int,
    seed: sizes.Integer,
    weights: Optional[tf.Tensor] = None,
) -> tf.Tensor:
  """Chooses rows by k-MC2, one for each slice; see `kmc2.choose_rows`.

  Args:
    points: float32 or float64 `[n, d]`.
    centers: `[selected, d]`, the centers chosen before.
    missing: the largest number of rows to choose.
    chain_length: number of rows in a slice.
    seed: seed of the random stream. The number of centers chosen before is the
      index of the stream.
    weights: `[n]` of the points' dtype; None: every point has weight 1.

  Returns:
    int64 `[m]`, the chosen rows; m is at most `missing`.
  """
  return _library().kmeans_estimator_kmc2(
      points=points,
      centers=centers,
      missing=_int64(missing),
      seed=_int64(seed),
      chain_length=chain_length,
      weights=_optional(weights),
  )


def kmc2_chain(distances: tf.Tensor, seed: sizes.Integer) -> tf.Tensor:
  """Runs a chain of k-MC2; see `kmc2.chain_end`.

  Args:
    distances: float32 or float64 `[n]`, n at least 1.
    seed: seed of the random stream.

  Returns:
    int64 scalar, the index of the final state of the chain.
  """
  return _library().kmeans_estimator_kmc2_chain(
      distances=distances, seed=_int64(seed)
  )
