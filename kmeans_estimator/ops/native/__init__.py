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
from typing import Any, List, NamedTuple, Optional, Tuple, Union

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


def _library() -> Any:
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


def use_instruction_set(name: Optional[str]) -> bool:
  """Makes the ops use another instruction set, in all graphs of this process.

  Args:
    name: 'AVX-512', 'AVX2', 'SSE2' or 'NEON'; None: the best one.

  Returns:
    Whether the processor has it and the library was built with it; if not,
    nothing changes.
  """
  if not is_available():
    return False
  use = ctypes.CDLL(str(_LIBRARY)).kmeans_estimator_use_instruction_set
  use.argtypes = [ctypes.c_char_p]
  return bool(use(name and name.encode()))


def _optional(weights: Optional[tf.Tensor]) -> List[tf.Tensor]:
  return [] if weights is None else [weights]


def _int64(value: Integer) -> tf.Tensor:
  if isinstance(value, int):
    # A seed may be any integer of 64 bits, with or without a sign.
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
  """Allocates points and adds them up; see `allocation.allocate`.

  Args:
    points: float32 or float64 `[n, d]`.
    centers: as points, `[k, d]`; for the cosine metric unit vectors or 0.
    cosine: whether the metric is the cosine distance.
    parts: how many nodes share the rows; each can run on a thread.
    weights: `[n]` of the points' dtype, or None: all 1.

  Returns:
    An `Allocated`. Identical whatever the number of threads.
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
              # TensorFlow sorts the inputs of a sum by their names. So sums are
              # taken in the order of the rows in any graph.
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
    centers: likewise.
    cosine: likewise.
    parts: likewise.

  Returns:
    Index and distance, as in `Allocated`.
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
  """The results of all parts, in the shape that the points have."""
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
  """Gives empty clusters the farthest points; see `relocation.relocate`.

  Args:
    points: as in `allocate`.
    allocated: what `allocate` returned.
    cosine: as in `allocate`.
    weights: likewise.

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
  """Fails if a step met NaN or Inf, and says where; see `points.assert_finite`.

  Args:
    points: float32 or float64 `[n, d]`.
    distance: `[n]` of the points' dtype.
    total: scalar of the points' dtype.
    message: what the error begins with.

  Returns:
    The op that checks. None in eager mode, which has checked already.
  """
  return _library().kmeans_estimator_check_finite(
      points=points, distance=distance, total=total, message=message
  )


def check_weights(
    weights: tf.Tensor, total: tf.Tensor, message: str
) -> tf.Operation:
  """Fails if weights cannot be used; see `points.assert_weights`.

  Args:
    weights: float32 or float64 `[n]`.
    total: scalar of the weights' dtype.
    message: what the error begins with.

  Returns:
    The op that checks. None in eager mode, which has checked already.
  """
  return _library().kmeans_estimator_check_weights(
      weights=weights, total=total, message=message
  )


def kmeans_plus_plus(
    points: tf.Tensor,
    num_to_sample: Integer,
    num_candidates: Integer,
    seed: Integer,
    stream: Integer = 0,
    weights: Optional[tf.Tensor] = None,
) -> tf.Tensor:
  """Chooses rows by k-means++; see `kmeans_plus_plus.choose_rows`.

  Args:
    points: float32 or float64 `[n, d]`.
    num_to_sample: m, at most n.
    num_candidates: how many points are weighed for each row.
    seed: of the random stream.
    stream: which of the seed's streams.
    weights: `[n]` of the points' dtype, or None: all 1.

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
    missing: Integer,
    chain_length: int,
    seed: Integer,
    weights: Optional[tf.Tensor] = None,
) -> tf.Tensor:
  """Chooses rows by k-MC2, one for each slice; see `kmc2.kmc2`.

  Args:
    points: float32 or float64 `[n, d]`.
    centers: `[selected, d]`, the centers chosen before.
    missing: how many rows to choose at most.
    chain_length: rows of a slice.
    seed: of the random stream; the number of centers chosen before says which.
    weights: `[n]` of the points' dtype, or None: all 1.

  Returns:
    int64 `[m]`, the rows; m is at most `missing`.
  """
  return _library().kmeans_estimator_kmc2(
      points=points,
      centers=centers,
      missing=_int64(missing),
      seed=_int64(seed),
      chain_length=chain_length,
      weights=_optional(weights),
  )


def kmc2_chain(distances: tf.Tensor, seed: Integer) -> tf.Tensor:
  """Runs a chain of k-MC2; see `kmc2.kmc2_chain_initialization`.

  Args:
    distances: float32 or float64 `[n]`, n at least 1.
    seed: of the random stream.

  Returns:
    int64 scalar, where the chain ends.
  """
  return _library().kmeans_estimator_kmc2_chain(
      distances=distances, seed=_int64(seed)
  )
