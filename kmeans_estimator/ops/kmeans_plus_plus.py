# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Chooses initial centers by k-means++.

D. Arthur and S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding",
2007. The mass of a row is its squared distance to the nearest row chosen so
far. The first row is drawn uniformly, each further row in proportion to its
mass. Several candidates are drawn for each row, and the candidate that leaves
the lowest total mass is chosen.

With weights, the mass of a row is its weight times this squared distance, and
the first row is drawn in proportion to its weight.
"""

import math
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import distances
from kmeans_estimator.ops import native
from kmeans_estimator.ops import philox
from kmeans_estimator.ops import sizes

# Points are shifted to the batch's origin only if the median of their squared
# norms exceeds this multiple of the median of their squared distances to the
# origin. Otherwise they are not shifted, and rounding errors are those of
# TensorFlow's kernel.
_FAR = 64.0


def num_candidates(
    num_to_sample: sizes.Integer, num_retries: sizes.Integer
) -> sizes.Integer:
  """Returns the number of candidates for each center.

  Args:
    num_to_sample: m, the number of centers.
    num_retries: the number of candidates besides the first candidate; negative:
      `2 + floor(ln m)`.
  """
  if isinstance(num_retries, int) and num_retries >= 0:
    return 1 + num_retries
  if isinstance(num_to_sample, int):
    automatic = 2 + int(math.log(max(num_to_sample, 1)))
  else:
    automatic = 2 + tf.cast(
        tf.math.log(tf.cast(tf.maximum(num_to_sample, 1), tf.float64)), tf.int32
    )
  if isinstance(num_retries, int):
    return 1 + automatic
  return 1 + tf.where(num_retries < 0, automatic, num_retries)


def choose_rows(
    points: tf.Tensor,
    num_to_sample: sizes.Integer,
    candidates: sizes.Integer,
    seed: sizes.Integer,
    stream: sizes.Integer = 0,
    weights: Optional[tf.Tensor] = None,
) -> tf.Tensor:
  """Chooses distinct rows.

  Args:
    points: float `[n, d]`.
    num_to_sample: m, integer scalar, at most n.
    candidates: the number of candidates to draw for each row.
    seed: integer scalar, the seed of the random stream.
    stream: integer scalar, the number of the random stream. Different streams
      of the same seed draw differently.
    weights: `[n]` of the points' dtype, with at least m positive weights; None:
      every point has weight 1.

  Returns:
    int64 `[m]`, the chosen rows, in the order of the draws.
  """
  if placement.is_for_cpu(points) and native.is_available():
    return native.kmeans_plus_plus(
        points, num_to_sample, candidates, seed, stream, weights
    )
  sampler = _Sampler(points, candidates, seed, stream, weights)
  num_to_sample = tf.cast(num_to_sample, tf.int64)
  return tf.while_loop(
      lambda state: tf.squeeze(state.found) < num_to_sample,
      lambda state: [sampler.next_round(state)],
      [sampler.start(num_to_sample)],
  )[0].chosen


class _State(NamedTuple):
  """The state between two rounds of draws.

  Attributes:
    found: int64 `[1, 1]`, the number of rows chosen so far.
    position: int64 scalar, the number of words of the random stream used.
    draws_left: int64 `[1, 1]`, the number of candidates still to be drawn for
      the current row.
    pick: int64 `[1, 1]`, the best candidate drawn so far for the current row;
      -1 before the first draw.
    nearest: `[1, n]`, half the squared distance of each point to the nearest of
      the chosen rows and `pick`; infinite before the first draw.
    chosen: int64 `[m]`, the rows chosen so far, padded with -1.
  """

  found: tf.Tensor
  position: tf.Tensor
  draws_left: tf.Tensor
  pick: tf.Tensor
  nearest: tf.Tensor
  chosen: tf.Tensor


class _Draw(NamedTuple):
  """The candidates of a round.

  Attributes:
    row: int64 `[candidates, 1]`.
    is_fresh: bool `[candidates, 1]`, whether the drawn row was not chosen
      before.
    position: as in `_State`, after this round.
    draws_left: as in `_State`, after this round.
  """

  row: tf.Tensor
  is_fresh: tf.Tensor
  position: tf.Tensor
  draws_left: tf.Tensor


class _Sampler:
  """Draws, compares and records candidates, with portable ops."""

  def __init__(self, points, candidates, seed, stream, weights):
    self._num_points = sizes.rows(points)
    self._candidates = candidates
    self._seed = seed
    self._stream = stream
    self._weights = None if weights is None else weights[tf.newaxis]
    self._points = points - _origin(points)
    self._half_squares = 0.5 * tf.reduce_sum(
        tf.square(self._points), axis=1, keepdims=True
    )
    self._all_draws = tf.reshape(tf.cast(candidates, tf.int64), [1, 1])

  def start(self, num_to_sample) -> _State:
    none = tf.constant([[-1]], tf.int64)
    return _State(
        found=tf.constant([[0]], tf.int64),
        position=tf.constant(0, tf.int64),
        draws_left=self._all_draws,
        pick=none,
        nearest=tf.fill(
            [1, self._num_points], tf.constant(np.inf, self._points.dtype)
        ),
        chosen=tf.fill([num_to_sample], none[0, 0]),
    )

  def next_round(self, state: _State) -> _State:
    """Makes a round of draws; usually this chooses the next row.

    If some candidates were chosen before, the next round draws replacements for
    them. This happens only when all masses are 0. Then no candidate is better
    than another, so the first fresh candidate is kept. Candidates that were
    chosen before use up words of the random stream as well.
    """
    draw = self._draw(state)
    pick, nearest = self._weigh(state, draw)
    return self._record(state, draw, pick, nearest)

  def _draw(self, state) -> _Draw:
    words = philox.words(
        2 * self._candidates, self._seed, self._stream, state.position
    )
    mass = state.nearest
    if self._weights is not None:
      mass = tf.math.multiply_no_nan(mass, self._weights)
    by_mass, is_positive = self._by_mass(mass, words[: self._candidates])
    # Draw by weight before the first choice, when masses are infinite, and when
    # all points equal chosen rows, so that masses are 0.
    row = tf.where(is_positive, by_mass, self._by_weight(words, state.chosen))
    row = tf.reshape(row, [self._candidates, 1])
    row = tf.minimum(row, tf.cast(self._num_points - 1, tf.int64))

    is_fresh = tf.reduce_all(
        tf.not_equal(row, state.chosen), axis=1, keepdims=True
    )
    fresh = tf.cast(is_fresh, tf.int64)
    # Draws beyond the needed number of candidates do not advance the stream.
    counts = tf.cast(
        tf.cumsum(fresh, exclusive=True) < state.draws_left, tf.int64
    )
    words_per_draw = 2 - tf.cast(is_positive, tf.int64)
    return _Draw(
        row=tf.where(
            tf.equal(state.draws_left, self._all_draws), row, state.pick
        ),
        is_fresh=is_fresh,
        position=state.position + tf.reduce_sum(counts * words_per_draw),
        draws_left=state.draws_left - tf.reduce_sum(counts * fresh),
    )

  def _by_mass(self, mass, words):
    """Returns rows drawn by mass, and if the total is positive and finite."""
    running = tf.cumsum(mass, axis=1)
    total = running[:, -1:]
    rows = tf.raw_ops.UpperBound(
        sorted_inputs=running,
        values=total * philox.unit_floats(words, total.dtype),
        out_type=tf.int64,
    )
    return rows, tf.math.is_finite(tf.math.log(total))

  def _by_weight(self, words, chosen):
    if self._weights is None:
      return philox.integers_below(words, self._num_points)
    # If chosen rows were much heavier than the other rows, most draws would
    # give chosen rows. The sum drops the padding -1.
    weights = self._weights[0]
    is_chosen = tf.math.unsorted_segment_sum(
        tf.ones_like(chosen, weights.dtype), chosen, self._num_points
    )
    weights = tf.where(is_chosen > 0, tf.zeros_like(weights), weights)
    return philox.weighted_integers(words, weights)

  def _weigh(self, state, draw):
    """Returns the best candidate, and `_State.nearest` including it."""
    drawn = tf.gather_nd(self._points, draw.row)
    products = tf.matmul(drawn, self._points, transpose_b=True)
    half_distances = (
        tf.transpose(self._half_squares) - products
    ) + tf.gather_nd(self._half_squares, draw.row)
    closer = tf.minimum(half_distances, state.nearest)
    masses = closer if self._weights is None else closer * self._weights
    masses = tf.reduce_sum(masses, axis=1, keepdims=True)
    best = tf.argmin(
        tf.where(draw.is_fresh, masses, tf.constant(np.inf, masses.dtype))
    )
    pick = tf.gather(draw.row, best)
    nearest = tf.tensor_scatter_nd_update(
        tf.maximum(tf.gather(closer, best), 0),
        tf.concat([tf.zeros_like(pick), pick], axis=1),
        tf.zeros([1], closer.dtype),
    )
    return pick, nearest

  def _record(self, state, draw, pick, nearest) -> _State:
    is_settled = tf.equal(draw.draws_left, 0)
    return _State(
        found=state.found + tf.cast(is_settled, tf.int64),
        position=draw.position,
        draws_left=tf.where(is_settled, self._all_draws, draw.draws_left),
        pick=pick,
        nearest=nearest,
        chosen=tf.tensor_scatter_nd_update(
            state.chosen,
            state.found,
            tf.reshape(tf.where(is_settled, pick, -1), [1]),
        ),
    )


def _origin(points):
  """Returns the batch's origin, `[d]`; 0 if the points are not far from 0."""
  rows = distances.sample(points)
  origin = distances.finite_median(tf.transpose(rows))
  around_0 = distances.median(
      tf.reduce_sum(tf.square(rows), axis=1)[tf.newaxis]
  )
  around_origin = distances.median(
      tf.reduce_sum(tf.math.squared_difference(rows, origin), axis=1)[
          tf.newaxis
      ]
  )
  return origin * tf.cast(around_0 > _FAR * around_origin, points.dtype)
