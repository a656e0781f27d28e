# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Initial centers by k-MC2.

O. Bachem et al., "Approximate K-Means++ in Sublinear Time", 2016. For each
center k-means++ makes a pass over all points; k-MC2 runs a Markov chain over
some candidates instead. The chain starts at the first candidate and visits the
others in order. It moves to a candidate with the probability `min(1, mass of
the candidate / mass of the state)`. The mass is the squared distance to the
nearest center so far, times the weight if there are weights.
"""

from typing import Optional, Union

import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import native
from kmeans_estimator.ops import philox

Integer = Union[int, tf.Tensor]

# Candidates that are compared with each other at once. Memory grows with the
# square of their number.
_CHAIN_BLOCK = 256


def chain_end(distances: tf.Tensor, seed: Integer) -> tf.Tensor:
  """Runs one chain over candidates.

  Args:
    distances: float `[n]`, n at least 1; not negative.
    seed: integer scalar, of the random stream.

  Returns:
    int64 scalar, the candidate where the chain ends.
  """
  if placement.is_for_cpu(distances) and native.is_available():
    return native.kmc2_chain(distances, seed)
  n = tf.compat.dimension_value(distances.shape[0])
  moves = (tf.shape(distances)[0] if n is None else n) - 1
  if isinstance(moves, int) and moves <= _CHAIN_BLOCK:
    words = philox.words(moves, seed)
    return _end_of_block(distances, philox.unit_floats(words, distances.dtype))

  # Candidates at distance 0, which never take over, fill the last block.
  padding = -moves % _CHAIN_BLOCK
  words = philox.words(moves + padding, seed)
  uniforms = philox.unit_floats(words, distances.dtype)
  distances = tf.pad(distances, [[0, padding]])

  def body(start, state):
    block = start + tf.range(_CHAIN_BLOCK)
    candidates = tf.concat([[state], tf.cast(block, tf.int64) + 1], 0)
    end = _end_of_block(
        tf.gather(distances, candidates), tf.gather(uniforms, block)
    )
    return start + _CHAIN_BLOCK, tf.gather(candidates, end)

  return tf.while_loop(
      lambda start, _: start < moves, body, (0, tf.constant(0, tf.int64))
  )[1]


def _end_of_block(masses, uniforms):
  """Where a chain ends that starts at candidate 0.

  It moves on to candidate i if `masses[i] > uniforms[i - 1] * masses[state]`.
  The end can be found without making the moves. Call a candidate final if no
  later candidate would take over from it. When a chain passes over a final
  candidate, the mass of its state is no smaller, so that the state is final
  too. Therefore the chain ends at the first final candidate.

  Args:
    masses: `[n]`, not negative.
    uniforms: `[n - 1]`, in [0, 1).

  Returns:
    int64 scalar.
  """
  # Row i - 1 and column j: whether candidate i would take over from j.
  takes_over = tf.expand_dims(tf.slice(masses, [1], [-1]), 1) > (
      tf.expand_dims(uniforms, 1) * masses
  )
  later = tf.linalg.band_part(takes_over, -1, 0)
  # As floats: GPUs find no least integer.
  return tf.argmin(tf.cast(tf.reduce_any(later, axis=0), masses.dtype))


def choose_rows(
    points: tf.Tensor,
    centers: tf.Tensor,
    missing: Integer,
    chain_length: int,
    seed: Integer,
    weights: Optional[tf.Tensor] = None,
) -> tf.Tensor:
  """Chooses rows, one for each slice of the points.

  Each successive slice of `chain_length` rows gives one center: the end of a
  chain over its rows, where the centers so far include those of earlier slices.
  Fewer points than `chain_length` are one slice. If there are no centers yet,
  the first slice gives a row drawn from all points instead, uniformly or in
  proportion to the weights. The points are taken to be in random order.

  Args:
    points: float `[n, d]`.
    centers: `[selected, d]`, the centers chosen before.
    missing: integer scalar, how many rows to choose at most.
    chain_length: candidates for one center.
    seed: integer scalar. The number of centers chosen before is the stream.
    weights: `[n]` of the points' dtype, None: all 1.

  Returns:
    int64 `[m]`, m at most `missing`; no row of a batch without rows.
  """
  if placement.is_for_cpu(points) and native.is_available():
    return native.kmc2(points, centers, missing, chain_length, seed, weights)
  num_points, selected = _num_rows(points), _num_rows(centers)
  length = _minimum(chain_length, num_points)
  num_new = _minimum(num_points // _maximum(length, 1), missing)

  if not points.shape[0]:
    # There may be no row to gather.
    points = tf.pad(points, [[0, 1], [0, 0]])
    if weights is not None:
      is_empty = tf.cast(tf.equal(num_points, 0), tf.int32)
      weights = tf.pad(weights, [[0, is_empty]], constant_values=1)
  words = philox.words(2 + num_new * (length - 1), seed, selected)
  if weights is None:
    first = philox.integers_below(words[:2], _maximum(num_points, 1))
  else:
    first = philox.weighted_integers(words[:2], weights)
  uniforms = tf.reshape(
      philox.unit_floats(words[2:], points.dtype), [num_new, length - 1]
  )
  # Until its slice's turn, a new center stands where one chosen before is, and
  # so changes no distance to the nearest.
  known = tf.concat([centers, tf.gather(points, first)], 0)
  origin = tf.slice(known, [0, 0], [1, -1])
  found = tf.concat([centers, tf.tile(origin, [num_new, 1])], 0)
  rows = tf.tile(first, [num_new])

  def body(index, found, rows):
    begin = index * length
    slice_ = tf.gather(points, begin + tf.range(length)) - origin
    centers = found - origin
    products = tf.matmul(centers, slice_, transpose_b=True)
    masses = tf.reduce_min(_half_squares(centers) - products, axis=0)
    masses += tf.reshape(_half_squares(slice_), [length])
    masses = tf.maximum(masses, 0)
    if weights is not None:
      masses *= tf.gather(weights, begin + tf.range(length))
    end = _end_of_block(masses, tf.gather(uniforms, index))
    row = [tf.cast(begin, tf.int64) + end]
    return (
        index + 1,
        tf.tensor_scatter_nd_update(
            found, [[selected + index]], tf.gather(points, row)
        ),
        tf.tensor_scatter_nd_update(rows, [[index]], row),
    )

  begin = (
      int(selected == 0)
      if isinstance(selected, int)
      else tf.cast(tf.equal(selected, 0), tf.int32)
  )
  return tf.while_loop(
      lambda index, *_: index < num_new, body, (begin, found, rows)
  )[-1]


def _half_squares(vectors):
  return tf.reduce_sum(tf.square(vectors), axis=1, keepdims=True) * 0.5


def _num_rows(tensor):
  rows = tf.compat.dimension_value(tensor.shape[0])
  return tf.shape(tensor)[0] if rows is None else rows


def _maximum(x, y):
  known = isinstance(x, int) and isinstance(y, int)
  return max(x, y) if known else tf.maximum(x, y)


def _minimum(x, y):
  known = isinstance(x, int) and isinstance(y, int)
  return min(x, y) if known else tf.minimum(x, y)
