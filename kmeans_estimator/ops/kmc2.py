# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Chooses initial centers by k-MC2.

O. Bachem et al., "Approximate K-Means++ in Sublinear Time", 2016. For each
center, k-means++ makes a pass over all points; k-MC2 runs a Markov chain over a
few candidates instead. The state of the chain is a candidate, at first the
first candidate. The chain visits the other candidates in order and moves to
each with probability `min(1, mass of the candidate / mass of the state)`. The
mass is the squared distance to the nearest center chosen so far, times the
weight if there are weights.
"""

from typing import Optional

import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import native
from kmeans_estimator.ops import philox
from kmeans_estimator.ops import sizes

# The number of candidates that are compared with each other at once. Memory
# grows with its square.
_CHAIN_BLOCK = 256


def chain_end(distances: tf.Tensor, seed: sizes.Integer) -> tf.Tensor:
  """Runs one chain over candidates.

  Args:
    distances: float `[n]`, the mass of each candidate; n at least 1; not
      negative.
    seed: integer scalar, the seed of the random stream.

  Returns:
    int64 scalar, the candidate where the chain ends.
  """
  if placement.is_for_cpu(distances) and native.is_available():
    return native.kmc2_chain(distances, seed)
  moves = sizes.rows(distances) - 1
  if isinstance(moves, int) and moves <= _CHAIN_BLOCK:
    words = philox.words(moves, seed)
    return _end_of_block(distances, philox.unit_floats(words, distances.dtype))

  # Pad the last block with candidates of mass 0: the chain never moves to them.
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
  """Returns the final state of a chain that starts at candidate 0.

  The chain moves to candidate i if `masses[i] > uniforms[i - 1] *
  masses[state]`. The final state can be found without a loop over the moves.
  Call a candidate final if the chain would not move from it to any later
  candidate. If the chain does not move to a final candidate, then the mass of
  its state is at least the mass of that candidate, so the state is final too.
  Therefore the chain ends at the first final candidate.

  Args:
    masses: `[n]`, not negative.
    uniforms: `[n - 1]`, in [0, 1).

  Returns:
    int64 scalar.
  """
  # Row i - 1, column j: whether the chain would move from candidate j to i.
  takes_over = tf.expand_dims(tf.slice(masses, [1], [-1]), 1) > (
      tf.expand_dims(uniforms, 1) * masses
  )
  later = tf.linalg.band_part(takes_over, -1, 0)
  # Cast to float: TensorFlow has no argmin of integers on GPUs.
  return tf.argmin(tf.cast(tf.reduce_any(later, axis=0), masses.dtype))


def choose_rows(
    points: tf.Tensor,
    centers: tf.Tensor,
    missing: sizes.Integer,
    chain_length: int,
    seed: sizes.Integer,
    weights: Optional[tf.Tensor] = None,
) -> tf.Tensor:
  """Chooses one row for each slice of the points.

  The points are divided into successive slices of `chain_length` rows; if there
  are fewer points, they are one slice. For each slice, a chain over its rows
  ends at a row, which becomes a center. The chains of later slices take this
  center into account. If there are no centers yet, the first center is instead
  drawn from all points, uniformly or in proportion to the weights.

  The function assumes that the points are in random order.

  Args:
    points: float `[n, d]`.
    centers: `[selected, d]`, the centers chosen before.
    missing: integer scalar, the largest number of rows to choose.
    chain_length: the number of candidates for each center.
    seed: integer scalar, the seed of the random stream; the number of the
      stream is `selected`.
    weights: `[n]` of the points' dtype; None: every point has weight 1.

  Returns:
    int64 `[m]`, the chosen rows; m is at most `missing`, and 0 for a batch
    without rows.
  """
  if placement.is_for_cpu(points) and native.is_available():
    return native.kmc2(points, centers, missing, chain_length, seed, weights)
  num_points, selected = sizes.rows(points), sizes.rows(centers)
  length = sizes.minimum(chain_length, num_points)
  num_new = sizes.minimum(num_points // sizes.maximum(length, 1), missing)

  if not points.shape[0]:
    # The batch may have no rows, and `gather` needs a row.
    points = tf.pad(points, [[0, 1], [0, 0]])
    if weights is not None:
      is_empty = tf.cast(tf.equal(num_points, 0), tf.int32)
      weights = tf.pad(weights, [[0, is_empty]], constant_values=1)
  words = philox.words(2 + num_new * (length - 1), seed, selected)
  if weights is None:
    first = philox.integers_below(words[:2], sizes.maximum(num_points, 1))
  else:
    first = philox.weighted_integers(words[:2], weights)
  uniforms = tf.reshape(
      philox.unit_floats(words[2:], points.dtype), [num_new, length - 1]
  )
  # Until its slice is processed, each new center is a copy of a known center,
  # so it changes no distance to the nearest center.
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
