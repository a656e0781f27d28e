# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Choosing the initial centers: random rows, k-means++ and k-MC2.

`choose` is what a model calls for each batch until all its centers are found;
the other functions are its parts. They change no variable, consist of ops that
every device has, are static in shape where their input is, and draw from
`philox` streams, so that a seed means the same draws on every device. With the
same seed `kmeans_plus_plus_initialization` and `kmc2_chain_initialization`
draw what TensorFlow's CPU kernels of these names draw.

Under the cosine metric points are to be passed scaled to unit length: half the
squared Euclidean distance of such points is their cosine distance.
"""

import hashlib
import math
import secrets
from typing import Any, Callable, List, Optional, Union

import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import philox
from kmeans_estimator.ops import points as points_lib

RANDOM_INIT = 'random'
KMEANS_PLUS_PLUS_INIT = 'kmeans_plus_plus'
KMC2_INIT = 'kmc2'

# Rows whose median is the origin that points are shifted to.
_ORIGIN_ROWS = 15
# Candidates of a Markov chain that are compared with each other at once.
_CHAIN_BLOCK = 256

Integer = Union[int, tf.Tensor]
Method = Union[str, np.ndarray, tf.Tensor, Callable[..., Any]]


def stream_seed(seed: Optional[int]) -> int:
  """The seed to draw with, given an own seed or the graph's or neither.

  Args:
    seed: the model's own seed, or None.

  Returns:
    `seed` itself where the graph has no seed. Else a number that depends on the
    graph's seed and on `seed`; without either one that nobody can foresee.
  """
  graph_seed = tf.compat.v1.get_default_graph().seed
  if graph_seed is None:
    return secrets.randbits(63) if seed is None else int(seed)
  digest = hashlib.sha256(repr((graph_seed, seed)).encode()).digest()
  return int.from_bytes(digest[:8], 'little')


def _static(value):
  """An integer as Python knows it, or as an int32 scalar."""
  known = tf.get_static_value(value)
  return tf.cast(value, tf.int32) if known is None else int(known)


def _num_rows(matrix):
  rows = tf.compat.dimension_value(matrix.shape[0])
  return tf.shape(matrix)[0] if rows is None else rows


def _require(condition, message):
  """Fails with the parts of `message`, when the graph is built if it can be."""
  known = tf.get_static_value(condition)
  if known is None:
    # Only a host takes text, also where all else is told to be elsewhere.
    with tf.device('/CPU:0'):
      return [tf.raw_ops.Assert(condition=condition, data=message)]
  if not known:
    raise tf.errors.InvalidArgumentError(
        None, None, ' '.join(str(tf.get_static_value(part)) for part in message)
    )
  return []


def _require_rows(num_to_sample, num_points):
  return _require(
      tf.logical_and(num_to_sample > 0, num_to_sample <= num_points),
      [
          'k-means++ takes all its centers from one batch: their number must '
          'be at least 1 and at most the number of points, got this number of '
          'centers:',
          num_to_sample,
          'and of points:',
          num_points,
      ],
  )


def _with_checks(checks, tensor):
  if not checks:
    return tensor
  with tf.control_dependencies(checks):
    return tf.identity(tensor)


def _centered(points):
  """Points around the origin, and half of their squared norms.

  The origin is the median of a few rows in each column. It is near most points
  wherever they are, a few outliers do not move it, and integers stay integers.
  """
  last = _num_rows(points) - 1
  rows = tf.gather(
      points, tf.range(_ORIGIN_ROWS) * last // (_ORIGIN_ROWS - 1)
  )
  upper_half = tf.math.top_k(tf.transpose(rows), _ORIGIN_ROWS // 2 + 1).values
  points -= upper_half[:, -1]
  return points, tf.reduce_sum(tf.square(points), axis=1) / 2


def _half_squared_distances(rows, rows_half_norms, points, half_norms):
  """`[r, n]` from the expanded square, for points near the origin."""
  products = tf.matmul(rows, points, transpose_b=True)
  return tf.maximum(half_norms - products + rows_half_norms[:, tf.newaxis], 0)


def _num_candidates(num_to_sample, num_retries):
  """Points that are weighed for each center."""
  if isinstance(num_retries, int) and num_retries >= 0:
    return 1 + num_retries
  if isinstance(num_to_sample, int):
    automatic = 2 + int(math.log(max(num_to_sample, 1)))
  else:
    automatic = 2 + tf.cast(
        tf.math.log(tf.cast(num_to_sample, tf.float64)), tf.int32
    )
  if isinstance(num_retries, int):
    return 1 + automatic
  return 1 + tf.where(num_retries < 0, automatic, num_retries)


def _kmeans_plus_plus(points, num_to_sample, seed, num_retries, stream=0):
  """`[num_to_sample]` indices of the rows that k-means++ chooses."""
  num_points = _num_rows(points)
  candidates = _num_candidates(num_to_sample, num_retries)
  points, half_norms = _centered(points)

  def body(found, position, draws_left, pick, nearest, chosen):
    words = philox.words(2 * candidates, seed, position, stream)
    cumulated = tf.cumsum(nearest)
    total = cumulated[-1]
    # Nothing is known before the first center, nor once all points lie on
    # chosen ones: then all points are as likely.
    weighted = tf.logical_and(total > 0, total < np.inf)
    levels = total * philox.unit_floats(words[:candidates], points.dtype)
    by_weight = tf.raw_ops.UpperBound(
        sorted_inputs=cumulated[tf.newaxis],
        values=levels[tf.newaxis],
        out_type=tf.int64,
    )[0]
    drawn = tf.minimum(
        tf.where(
            weighted, by_weight, philox.integers_below(words, num_points)
        ),
        tf.cast(num_points, tf.int64) - 1,
    )
    # A draw of a row chosen before is repeated. Draws after the last one that
    # is wanted are left in the stream.
    fresh = tf.reduce_all(tf.not_equal(drawn[:, tf.newaxis], chosen), axis=1)
    fresh_draws = tf.cast(fresh, tf.int32)
    used = tf.cast(
        tf.cumsum(fresh_draws, exclusive=True) < draws_left, tf.int32
    )
    position += tf.reduce_sum(used) * tf.where(weighted, 1, 2)
    # The first fresh draws settle the pick; repeated ones only advance.
    drawn = tf.where(tf.equal(draws_left, candidates), drawn, pick)
    draws_left -= tf.reduce_sum(used * fresh_draws)
    closer = tf.minimum(
        nearest,
        _half_squared_distances(
            tf.gather(points, drawn),
            tf.gather(half_norms, drawn),
            points,
            half_norms,
        ),
    )
    best = tf.argmin(tf.where(fresh, tf.reduce_sum(closer, axis=1), np.inf))
    pick = drawn[best]
    nearest = tf.tensor_scatter_nd_update(
        closer[best], [[pick]], tf.zeros([1], points.dtype)
    )
    settled = tf.equal(draws_left, 0)
    chosen = tf.tensor_scatter_nd_update(
        chosen, [[found]], [tf.where(settled, pick, -1)]
    )
    return (
        found + tf.cast(settled, tf.int32),
        position,
        tf.where(settled, candidates, draws_left),
        pick,
        nearest,
        chosen,
    )

  return tf.while_loop(
      lambda found, *_: found < num_to_sample,
      body,
      (
          0,
          0,
          candidates,
          tf.constant(-1, tf.int64),
          tf.fill([num_points], tf.constant(np.inf, points.dtype)),
          tf.fill([num_to_sample], tf.constant(-1, tf.int64)),
      ),
  )[-1]


def kmeans_plus_plus_initialization(
    points: tf.Tensor,
    num_to_sample: Integer,
    seed: Integer,
    num_retries_per_sample: Integer,
) -> tf.Tensor:
  """Chooses distinct rows by k-means++.

  The first row is drawn uniformly, each further one with a probability
  proportional to its squared distance to the nearest row chosen so far (D.
  Arthur and S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding",
  2007). For each row several candidates are drawn, of which the one that lowers
  the sum of these distances most is taken. All candidates are weighed in one
  pass over the points; memory is one copy of them and some `[candidates, n]`.

  Args:
    points: float `[n, d]`.
    num_to_sample: m, integer scalar, from 1 to `n`.
    seed: integer scalar. The same seed draws the same rows, and the rows that
      TensorFlow's CPU kernel draws, but for rounding.
    num_retries_per_sample: integer scalar, how many candidates to draw beside
      the first; negative: `2 + floor(ln m)`.

  Returns:
    `[m, d]` of the points' dtype, in the order in which they were drawn.

  Raises:
    InvalidArgumentError: m is out of its range; the message has m and n.
  """
  points = points_lib.as_points(points, 'points')
  num_to_sample = _static(num_to_sample)
  points = _with_checks(_require_rows(num_to_sample, _num_rows(points)), points)
  rows = _kmeans_plus_plus(
      points, num_to_sample, seed, _static(num_retries_per_sample)
  )
  return tf.gather(points, rows)


def _chain_end(distances, uniforms):
  """Where a Markov chain of k-MC2 ends.

  The chain starts at candidate 0 and moves on to candidate i if
  `distances[i] > uniforms[i - 1] * distances[state]`. No move has to be made to
  know its end: call a candidate final if no later one would take over from it.
  If the chain passes a final candidate by, then from a state of at least its
  distance, which is final too. So the chain ends at the first final one.

  Args:
    distances: `[n]`, not negative.
    uniforms: `[n - 1]`.

  Returns:
    int64 scalar.
  """
  # Row i - 1 and column j: whether candidate i would take over from j.
  takes_over = distances[1:, tf.newaxis] > (
      uniforms[:, tf.newaxis] * distances[:-1]
  )
  final = tf.logical_not(
      tf.reduce_any(tf.linalg.band_part(takes_over, -1, 0), axis=0)
  )
  # In the floats' type: no GPU kernel searches integers.
  final = tf.cast(final, distances.dtype)
  return tf.argmax(tf.pad(final, [[0, 1]], constant_values=1))


def kmc2_chain_initialization(distances: tf.Tensor, seed: Integer) -> tf.Tensor:
  """Runs one Markov chain of k-MC2 over candidates.

  The chain starts at candidate 0 and goes through the others in order, moving
  to each with probability `min(1, its distance / distance of the state)` (O.
  Bachem et al., "Approximate K-Means++ in Sublinear Time", 2016).

  Args:
    distances: float `[n]`, n at least 1; squared distance of each candidate to
      the nearest center so far, not negative.
    seed: integer scalar. The same seed gives the same index, and the one that
      TensorFlow's CPU kernel gives.

  Returns:
    int64 scalar, the index of the candidate where the chain ends.

  Raises:
    InvalidArgumentError: there are no candidates.
    ValueError: `distances` is no vector.
  """
  distances = tf.convert_to_tensor(distances)
  if distances.shape.rank is None:
    distances = tf.ensure_shape(distances, [None])
  if distances.shape.rank != 1:
    raise ValueError(
        'distances must be a vector, one distance for each candidate, got '
        f'shape {distances.shape}.'
    )
  count = _num_rows(distances)
  distances = _with_checks(
      _require(count > 0, ['distances must hold at least one, got:', count]),
      distances,
  )
  count = _num_rows(distances)
  if isinstance(count, int) and count <= _CHAIN_BLOCK:
    words = philox.words(count - 1, seed)
    return _chain_end(distances, philox.unit_floats(words, distances.dtype))

  # Candidates at distance 0, which never take over, fill the last block.
  moves = count - 1
  padding = -moves % _CHAIN_BLOCK
  words = philox.words(moves + padding, seed)
  uniforms = philox.unit_floats(words, distances.dtype)
  distances = tf.pad(distances, [[0, padding]])

  def body(start, state):
    block = start + tf.range(_CHAIN_BLOCK)
    candidates = tf.concat([[state], tf.cast(block + 1, tf.int64)], 0)
    end = _chain_end(
        tf.gather(distances, candidates), tf.gather(uniforms, block)
    )
    return start + _CHAIN_BLOCK, candidates[end]

  return tf.while_loop(
      lambda start, _: start < moves, body, (0, tf.constant(0, tf.int64))
  )[1]


def random_rows(
    points: tf.Tensor, num: Integer, seed: Integer, stream: Integer = 0
) -> tf.Tensor:
  """Distinct rows, all as likely.

  Args:
    points: `[n, d]`.
    num: how many, integer scalar.
    seed: integer scalar.
    stream: integer scalar; streams of one seed draw differently.

  Returns:
    `[min(num, n), d]`, in the order of the points.
  """
  num_points = _num_rows(points)
  if isinstance(num, int) and isinstance(num_points, int):
    num = min(num, num_points)
  else:
    num = tf.minimum(num, num_points)
  drawn = tf.math.top_k(philox.words(num_points, seed, 0, stream), num).indices
  return tf.gather(points, tf.reverse(tf.math.top_k(drawn, num).values, [0]))


def kmc2(
    points: tf.Tensor,
    centers: tf.Tensor,
    missing: Integer,
    chain_length: int,
    seed: Integer,
) -> tf.Tensor:
  """Chooses rows by k-MC2, one for each slice of the points.

  Each successive slice of `chain_length` rows gives one center: the end of a
  Markov chain over the distances of its rows to the centers so far, those of
  earlier slices included. Points fewer than `chain_length` are one slice. If
  there are no centers yet, the first slice gives a row that is drawn uniformly
  from all points instead. The points are taken to be in random order.

  Args:
    points: float `[n, d]`, n at least 1.
    centers: `[selected, d]`, the centers chosen before.
    missing: integer scalar, how many centers to choose at most.
    chain_length: candidates for one center.
    seed: integer scalar.

  Returns:
    `[m, d]`, the new centers, m between 1 and `missing`.
  """
  num_points, selected = _num_rows(points), _num_rows(centers)
  static = all(
      isinstance(number, int) for number in (num_points, selected, missing)
  )
  smaller, larger = (min, max) if static else (tf.minimum, tf.maximum)
  length = (
      min(chain_length, num_points)
      if isinstance(num_points, int)
      else tf.minimum(chain_length, num_points)
  )
  new = smaller(larger(num_points // chain_length, 1), missing)

  words = tf.reshape(
      philox.words(new * (length + 1), seed, stream=selected), [new, length + 1]
  )
  uniforms = philox.unit_floats(words[:, 2:], points.dtype)
  first = tf.gather(points, philox.integers_below(words[0, :2], num_points))
  # Centers still to be chosen are stood in for by one that is chosen.
  stand_in = tf.concat([centers, first], 0)[:1]
  found = tf.concat([centers, tf.tile(stand_in, [new, 1])], 0)

  def body(slice_index, found):
    start = slice_index * length
    rows = tf.gather(points, start + tf.range(length))
    rows, centers = rows - stand_in, found - stand_in
    distances = _half_squared_distances(
        rows,
        tf.reduce_sum(tf.square(rows), axis=1) / 2,
        centers,
        tf.reduce_sum(tf.square(centers), axis=1) / 2,
    )
    end = _chain_end(
        tf.reduce_min(distances, axis=1), tf.gather(uniforms, slice_index)
    )
    found = tf.tensor_scatter_nd_update(
        found,
        [[selected + slice_index]],
        tf.gather(rows, [end]) + stand_in,
    )
    return slice_index + 1, found

  begin = 1 - min(selected, 1) if static else 1 - tf.minimum(selected, 1)
  _, found = tf.while_loop(
      lambda slice_index, _: slice_index < new, body, (begin, found)
  )
  return found[selected:]


def _given(centers, missing, points):
  """Centers that a user gives, checked against the model.

  Returns:
    The centers in the points' dtype, and the checks they are to wait for.
  """
  centers = tf.convert_to_tensor(centers)
  if centers.dtype != points.dtype:
    centers = tf.cast(centers, points.dtype)
  if not centers.shape.is_compatible_with([None, points.shape[1]]):
    raise ValueError(
        'initial_clusters must give centers of shape [number of centers, '
        f'{points.shape[1]}] for inputs with {points.shape[1]} columns, got '
        f'shape {centers.shape}.'
    )
  return centers


def choose(
    method: Method,
    inputs: List[tf.Tensor],
    centers: tf.Tensor,
    num_clusters: Integer,
    *,
    seed: Optional[int],
    num_retries: int,
    chain_length: int,
    metric: str,
) -> tf.Tensor:
  """Chooses initial centers from one batch.

  Args:
    method: `RANDOM_INIT`, `KMEANS_PLUS_PLUS_INIT`, `KMC2_INIT`, a matrix
      `[k, d]` of centers, or a function `f(inputs, k)` that returns from 0 to
      `k` of them.
    inputs: float `[n, d]`, the batch as a list of shards. Random rows come from
      all of them, those of k-means++ and k-MC2 from the first.
    centers: `[selected, d]`, the centers chosen from earlier batches.
    num_clusters: k, integer scalar.
    seed: the model's seed or None, see `stream_seed`.
    num_retries: for k-means++, see `kmeans_plus_plus_initialization`.
    chain_length: for k-MC2, see `kmc2`.
    metric: the model's distance metric.

  Returns:
    `[m, d]`, the new centers, m at most `k - selected`.

  Raises:
    InvalidArgumentError: a batch that is looked at holds NaN or Inf, or has
      too few rows for k-means++; given centers are too many.
    ValueError: given centers have another number of columns than the batch.
  """
  del metric
  selected = _num_rows(centers)
  missing = _static(num_clusters) - selected
  if not isinstance(method, str) and not callable(method):
    return _with_checks(
        _require(
            tf.equal(tf.shape(method)[0], missing),
            ['initial_clusters must have as many rows as centers are missing:',
             missing, 'got:', tf.shape(method)[0]],
        ),
        _given(method, missing, inputs[0]),
    )
  if method == RANDOM_INIT and len(inputs) > 1:
    inputs = [tf.concat(inputs, 0)]
  elif isinstance(method, str):
    inputs = inputs[:1]
  sums = [tf.reduce_sum(shard, axis=1) for shard in inputs]
  inputs = [
      _with_checks(
          [points_lib.assert_finite(shard, total, tf.reduce_sum(total))], shard
      )
      for shard, total in zip(inputs, sums)
  ]
  if callable(method):
    new = _given(
        method(inputs, tf.convert_to_tensor(missing)), missing, inputs[0]
    )
    rows = _num_rows(new)
    return _with_checks(
        _require(
            rows <= missing,
            ['initial_clusters must give at most this many centers:', missing,
             'got:', rows],
        ),
        new,
    )
  points, seed = inputs[0], stream_seed(seed)
  if method == RANDOM_INIT:
    return random_rows(points, missing, seed, selected)
  if method == KMC2_INIT:
    return kmc2(points, centers, missing, chain_length, seed)
  points = _with_checks(_require_rows(missing, _num_rows(points)), points)
  rows = _kmeans_plus_plus(points, missing, seed, num_retries, selected)
  return tf.gather(points, rows)
