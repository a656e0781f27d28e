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
# How many times larger than around it squares around 0 may be.
_FAR = 64.0
# Points of one product with the candidates of k-means++. Their coordinates stay
# in a core's cache, where a power of 2 would bring them to the same places.
_POINTS_BLOCK = 800
# Coordinates of points that one plain product is ahead with.
_MAX_AT_ONCE = 2**18
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
  if seed is not None:
    seed = int(seed)
  if graph_seed is None:
    return secrets.randbits(63) if seed is None else seed
  digest = hashlib.sha256(repr((int(graph_seed), seed)).encode()).digest()
  return int.from_bytes(digest[:8], 'little')


def _static(value):
  """An integer as Python knows it, or as an int32 scalar."""
  known = tf.get_static_value(value)
  return tf.cast(value, tf.int32) if known is None else int(known)


def _int64(value):
  return (
      tf.constant(value, tf.int64)
      if isinstance(value, int)
      else tf.cast(value, tf.int64)
  )


def _minimum(x, y):
  known = isinstance(x, int) and isinstance(y, int)
  return min(x, y) if known else tf.minimum(x, y)


def _num_rows(tensor):
  rows = tf.compat.dimension_value(tensor.shape[0])
  return tf.shape(tensor)[0] if rows is None else rows


def _checked(tensor, condition, *message):
  """A tensor that is there only if a condition holds.

  Args:
    tensor: what to pass on.
    condition: bool, or bool scalar tensor.
    *message: strings and integers or integer scalar tensors.

  Returns:
    `tensor`. Evaluating it fails unless `condition` holds.

  Raises:
    InvalidArgumentError: already now, if the condition is a Python value.
  """
  if isinstance(condition, tf.Tensor):
    # Only a host takes text, also where all else is told to be elsewhere.
    with tf.device('/CPU:0'):
      check = tf.raw_ops.Assert(condition=condition, data=message)
    with tf.control_dependencies([check] if check is not None else []):
      return tf.identity(tensor)
  if not condition:
    raise tf.errors.InvalidArgumentError(
        None, None, ' '.join(str(part) for part in message)
    )
  return tensor


def _with_rows_for(num_to_sample, points):
  """`points`, checked to be enough for k-means++."""
  num_points = _num_rows(points)
  return _checked(
      points,
      num_to_sample <= num_points,
      'k-means++ takes all centers from one batch of points, which must hold '
      'at least as many as there are centers to choose. Centers to choose:',
      num_to_sample,
      'points:',
      num_points,
  )


def _origin(points):
  """`[d]`, a place near most points: 0 unless they are far from that.

  Elsewhere it is the median of a few rows in each column: a few outliers do not
  move it, and differences to integers are integers. Near 0 points are taken as
  they are, and rounded as by TensorFlow's kernel.
  """
  rows = tf.gather(
      points,
      np.arange(_ORIGIN_ROWS) * (_num_rows(points) - 1) // (_ORIGIN_ROWS - 1),
  )
  median = _median(tf.transpose(rows))
  around_0 = _median(tf.reduce_sum(tf.square(rows), axis=1))
  around_median = _median(
      tf.reduce_sum(tf.math.squared_difference(rows, median), axis=1)
  )
  return median * tf.cast(around_0 > _FAR * around_median, points.dtype)


def _median(rows):
  upper_half = tf.math.top_k(rows, _ORIGIN_ROWS // 2 + 1).values
  return tf.reduce_min(upper_half, axis=-1)


def _half_squared_norms(vectors):
  return tf.reduce_sum(tf.square(vectors), axis=1, keepdims=True) * 0.5


def _num_candidates(num_to_sample, num_retries):
  """How many points are weighed for each center."""
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
  """int64 `[num_to_sample]`, the rows that k-means++ chooses."""
  num_points = _num_rows(points)
  candidates = _num_candidates(num_to_sample, num_retries)
  num_to_sample = _int64(num_to_sample)
  last = _int64(num_points - 1)
  # Scalars are kept as [1, 1], which goes with columns and rows alike.
  all_draws = tf.reshape(_int64(candidates), [1, 1])

  # The expanded square |x|^2 / 2 - x.y + |y|^2 / 2 is exact only near 0.
  origin = _origin(points)
  shifted = points - origin
  unknown = tf.fill([num_points, 1], tf.constant(np.inf, points.dtype))
  dimensions = tf.compat.dimension_value(points.shape[1]) or -1
  at_once = (
      isinstance(num_points, int)
      and 0 < num_points * dimensions <= _MAX_AT_ONCE
  )
  block = num_points if at_once else _minimum(_POINTS_BLOCK, num_points)
  padding = -num_points % block
  if not isinstance(padding, int) or padding:
    # Points at distance 0, which are never drawn, fill the last block.
    shifted = tf.pad(shifted, [[0, padding], [0, 0]])
    unknown = tf.pad(unknown, [[0, padding], [0, 0]])
  num_padded = num_points + padding
  half_norms = _half_squared_norms(shifted)
  num_blocks = num_padded // block
  columns = tf.transpose(
      tf.reshape(shifted, [num_blocks, block, dimensions]), [0, 2, 1]
  )
  column_half_norms = tf.reshape(half_norms, [num_blocks, 1, block])

  def body(found, position, draws_left, pick, nearest, chosen):
    words = philox.words(2 * candidates, seed, stream, position)
    cumulated = tf.cumsum(nearest, axis=1)
    total = tf.slice(cumulated, [0, num_padded - 1], [1, 1])
    # Not so before the first center, and once all points lie on centers. Then
    # all rows are as likely.
    weighted = tf.math.is_finite(tf.math.log(total))
    floats = philox.unit_floats(words[:candidates], total.dtype)
    by_weight = tf.raw_ops.UpperBound(
        sorted_inputs=cumulated, values=total * floats, out_type=tf.int64
    )
    uniform = philox.integers_below(words, num_points)
    drawn = tf.minimum(tf.where(weighted, by_weight, uniform), last)
    drawn = tf.reshape(drawn, [candidates, 1])

    # A draw of a row that was chosen before is repeated. Draws after the last
    # one that is needed stay in the stream.
    fresh = tf.reduce_all(tf.not_equal(drawn, chosen), axis=1, keepdims=True)
    is_fresh = tf.cast(fresh, tf.int64)
    used = tf.cast(tf.cumsum(is_fresh, exclusive=True) < draws_left, tf.int64)
    words_per_draw = 2 - tf.cast(weighted, tf.int64)
    position += tf.reduce_sum(used * words_per_draw)
    # Repeated draws only advance the stream, for a pick that is made.
    drawn = tf.where(tf.equal(draws_left, all_draws), drawn, pick)
    draws_left -= tf.reduce_sum(used * is_fresh)
    settled = tf.equal(draws_left, 0)

    drawn_points = tf.gather_nd(points, drawn) - origin
    if at_once:
      products = tf.expand_dims(tf.matmul(drawn_points, columns[0]), 0)
    else:
      products = tf.raw_ops.BatchMatMulV2(x=drawn_points, y=columns)
    distances = (column_half_norms - products) + tf.gather_nd(half_norms, drawn)
    closer = tf.minimum(distances, tf.reshape(nearest, [num_blocks, 1, block]))
    potentials = tf.reduce_sum(tf.reduce_sum(closer, axis=2, keepdims=True), 0)
    best = tf.argmin(tf.where(fresh, potentials, np.inf))
    pick = tf.gather(drawn, best)
    nearest = tf.maximum(tf.gather(closer, best, axis=1), 0)
    nearest = tf.tensor_scatter_nd_update(
        tf.reshape(nearest, [1, num_padded]),
        tf.concat([tf.constant([[0]], tf.int64), pick], axis=1),
        tf.zeros([1], points.dtype),
    )
    chosen = tf.tensor_scatter_nd_update(
        chosen, found, tf.reshape(tf.where(settled, pick, -1), [1])
    )
    return (
        found + tf.cast(settled, tf.int64),
        position,
        tf.where(settled, all_draws, draws_left),
        pick,
        nearest,
        chosen,
    )

  return tf.while_loop(
      lambda found, *_: tf.squeeze(found) < num_to_sample,
      body,
      (
          tf.constant([[0]], tf.int64),
          tf.constant(0, tf.int64),
          all_draws,
          tf.constant([[-1]], tf.int64),
          tf.reshape(unknown, [1, num_padded]),
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
    InvalidArgumentError: m is out of its range; the message has m and n. Or
      points hold NaN or Inf; the message says where.
  """
  points = points_lib.as_points(points, 'points')
  num_to_sample = _static(num_to_sample)
  points = _checked(
      points,
      num_to_sample > 0,
      'num_to_sample must be at least 1, got:',
      num_to_sample,
  )
  rows = _kmeans_plus_plus(
      _only_finite(_with_rows_for(num_to_sample, points)),
      num_to_sample,
      seed,
      _static(num_retries_per_sample),
  )
  return tf.gather(points, rows)


def _chain_end(distances, uniforms):
  """Where a Markov chain of k-MC2 ends.

  The chain starts at candidate 0 and moves on to candidate i if
  `distances[i] > uniforms[i - 1] * distances[state]`. No move has to be made to
  know its end. Call a candidate final if no later one would take over from it.
  A chain that passes a final candidate by is in a state at least as far away
  as that one, so in a final state too. The chain ends at the first final one.

  Args:
    distances: `[n]`, not negative.
    uniforms: `[n - 1]`, in [0, 1).

  Returns:
    int64 scalar.
  """
  # Row i - 1 and column j: whether candidate i would take over from j.
  takes_over = tf.expand_dims(tf.slice(distances, [1], [-1]), 1) > (
      tf.expand_dims(uniforms, 1) * distances
  )
  later = tf.linalg.band_part(takes_over, -1, 0)
  # As floats: GPUs find no least integer.
  return tf.argmin(tf.cast(tf.reduce_any(later, axis=0), distances.dtype))


def kmc2_chain_initialization(distances: tf.Tensor, seed: Integer) -> tf.Tensor:
  """Runs one Markov chain of k-MC2 over candidates.

  The chain starts at candidate 0 and goes through the others in order, moving
  to each with probability `min(1, its distance / distance of the state)` (O.
  Bachem et al., "Approximate K-Means++ in Sublinear Time", 2016).

  Args:
    distances: float `[n]`, n at least 1; the squared distance of each candidate
      to the nearest center so far, not negative.
    seed: integer scalar. The same seed gives the same index, and the one that
      TensorFlow's CPU kernel gives.

  Returns:
    int64 scalar, the index of the candidate where the chain ends.

  Raises:
    InvalidArgumentError: there are no candidates.
    ValueError: `distances` is no vector.
  """
  distances = tf.convert_to_tensor(distances)
  distances = tf.cast(
      distances, points_lib.float_dtype(distances.dtype, 'distances')
  )
  if distances.shape.rank is None:
    distances = tf.ensure_shape(distances, [None])
  if distances.shape.rank != 1:
    raise ValueError(
        'distances must be a vector, one distance for each candidate, got '
        f'shape {distances.shape}.'
    )
  count = _num_rows(distances)
  distances = _checked(
      distances, count > 0, 'distances must hold at least 1 number, got', count
  )
  moves = _num_rows(distances) - 1
  if isinstance(moves, int) and moves <= _CHAIN_BLOCK:
    words = philox.words(moves, seed)
    return _chain_end(distances, philox.unit_floats(words, distances.dtype))

  # Candidates at distance 0, which never take over, fill the last block.
  padding = -moves % _CHAIN_BLOCK
  words = philox.words(moves + padding, seed)
  uniforms = philox.unit_floats(words, distances.dtype)
  distances = tf.pad(distances, [[0, padding]])

  def body(start, state):
    block = start + tf.range(_CHAIN_BLOCK)
    candidates = tf.concat([[state], _int64(block) + 1], 0)
    end = _chain_end(
        tf.gather(distances, candidates), tf.gather(uniforms, block)
    )
    return start + _CHAIN_BLOCK, tf.gather(candidates, end)

  return tf.while_loop(
      lambda start, _: start < moves, body, (0, tf.constant(0, tf.int64))
  )[1]


def random_rows(
    points: tf.Tensor, num: Integer, seed: Integer, stream: Integer = 0
) -> tf.Tensor:
  """Distinct rows, any of them as likely.

  Args:
    points: `[n, d]`.
    num: how many, integer scalar.
    seed: integer scalar.
    stream: integer scalar; streams of one seed draw differently.

  Returns:
    `[min(num, n), d]`, in the order of the points.
  """
  num_points = _num_rows(points)
  num = _minimum(num, num_points)
  drawn = tf.math.top_k(philox.words(num_points, seed, stream), num).indices
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
  there are no centers yet, the first slice gives a row drawn uniformly from
  all points instead. The points are taken to be in random order.

  Args:
    points: float `[n, d]`, n at least 1.
    centers: `[selected, d]`, the centers chosen before.
    missing: integer scalar, how many centers to choose at most.
    chain_length: candidates for one center.
    seed: integer scalar. The number of centers chosen before is the stream.

  Returns:
    `[m, d]`, the new centers, m between 1 and `missing`.

  Raises:
    InvalidArgumentError: there are no points.
  """
  points = _checked(
      points, _num_rows(points) > 0, 'k-MC2 needs a batch of at least 1 point.'
  )
  num_points, selected = _num_rows(points), _num_rows(centers)
  length = _minimum(chain_length, num_points)
  num_new = _minimum(num_points // length, missing)

  words = philox.words(2 + num_new * (length - 1), seed, selected)
  first = philox.integers_below(words[:2], num_points)
  uniforms = tf.reshape(
      philox.unit_floats(words[2:], points.dtype),
      [num_new, length - 1],
  )
  # Until its slice's turn, a new center stands where one chosen before is, and
  # so changes no distance to the nearest.
  known = tf.concat([centers, tf.gather(points, first)], 0)
  origin = tf.slice(known, [0, 0], [1, -1])
  found = tf.concat([centers, tf.tile(origin, [num_new, 1])], 0)

  def body(index, found):
    rows = tf.gather(points, index * length + tf.range(length)) - origin
    centers = found - origin
    products = tf.matmul(centers, rows, transpose_b=True)
    nearest = tf.reduce_min(_half_squared_norms(centers) - products, axis=0)
    nearest += tf.reshape(_half_squared_norms(rows), [length])
    end = _chain_end(tf.maximum(nearest, 0), tf.gather(uniforms, index))
    row = tf.gather(points, [_int64(index * length) + end])
    return index + 1, tf.tensor_scatter_nd_update(
        found, [[selected + index]], row
    )

  begin = (
      int(selected == 0)
      if isinstance(selected, int)
      else tf.cast(tf.equal(selected, 0), tf.int32)
  )
  _, found = tf.while_loop(
      lambda index, _: index < num_new, body, (begin, found)
  )
  return tf.slice(found, [selected, 0], [-1, -1])


def _given(value, points):
  """Centers that a user gives, in the dtype of the points."""
  if isinstance(value, np.ndarray):
    centers = tf.constant(_finite_array(value, points.dtype))
  else:
    centers = tf.cast(tf.convert_to_tensor(value), points.dtype)
    centers = tf.debugging.check_numerics(
        centers, 'initial_clusters must be finite'
    )
  if not centers.shape.is_compatible_with([None, points.shape[1]]):
    raise ValueError(
        'initial_clusters must give centers of shape [number of centers, '
        f'{points.shape[1]}], as inputs have {points.shape[1]} columns, got '
        f'shape {centers.shape}.'
    )
  if points.shape[1] is None:
    return _of_same_columns('initial_clusters', centers, points)
  # What a function slices may have a shape that nobody knows before it runs.
  return tf.ensure_shape(centers, [None, points.shape[1]])


def _finite_array(value, dtype):
  """A NumPy array of centers, cast to a float dtype of TensorFlow."""
  if value.dtype.kind not in 'fiub' and value.dtype.name != 'bfloat16':
    raise TypeError(
        f'initial_clusters must give numbers, got dtype {value.dtype}.'
    )
  with np.errstate(over='ignore'):
    centers = value.astype(dtype.as_numpy_dtype)
  if not np.isfinite(centers).all():
    raise ValueError(
        f'initial_clusters must be finite numbers of {dtype.name}, which the '
        f'points are of, got {value}.'
    )
  return centers


def _of_same_columns(name, centers, points):
  """`centers`, checked to have the columns that points turn out to have."""
  columns, expected = tf.shape(centers)[1], tf.shape(points)[1]
  return _checked(
      centers,
      tf.equal(columns, expected),
      'The batch must have as many columns as',
      name,
      'that is',
      columns,
      'got',
      expected,
  )


def _only_finite(points):
  """`points`, checked for NaN and Inf."""
  sums = tf.reduce_sum(points, axis=1)
  check = points_lib.assert_finite(points, sums, tf.reduce_sum(sums))
  with tf.control_dependencies([check]):
    return tf.identity(points)


def choose(
    method: Method,
    inputs: List[tf.Tensor],
    centers: tf.Tensor,
    num_clusters: Integer,
    *,
    seed: Optional[int],
    num_retries: int,
    chain_length: int,
) -> tf.Tensor:
  """Chooses initial centers from one batch.

  Args:
    method: `RANDOM_INIT`, `KMEANS_PLUS_PLUS_INIT`, `KMC2_INIT`, a matrix
      `[k, d]` of centers, or a function `f(inputs, k)` that returns from 0 to
      `k` of them.
    inputs: float `[n, d]`, the batch as a list of shards. Random rows come from
      all of them, those of k-means++ and k-MC2 from the first. Under the cosine
      metric the three methods are to be given rows of unit length.
    centers: `[selected, d]`, the centers chosen from earlier batches.
    num_clusters: k, integer scalar; a given matrix is taken whole instead.
    seed: the model's seed or None, see `stream_seed`.
    num_retries: for k-means++, see `kmeans_plus_plus_initialization`.
    chain_length: for k-MC2, see `kmc2`.

  Returns:
    `[m, d]`, the new centers, m at most `k - selected`.

  Raises:
    InvalidArgumentError: a batch that is looked at holds NaN or Inf, has too
      few rows, or another number of columns than the centers; given centers are
      too many, or not finite.
    TypeError: given centers are no numbers.
    ValueError: given centers have another number of columns than the batch, or
      are not finite, as far as that is known already.
  """
  if inputs[0].shape[1] is None:
    centers = _of_same_columns('the centers chosen so far,', centers, inputs[0])
  selected = _num_rows(centers)
  if not isinstance(method, str) and not callable(method):
    return _given(method, inputs[0])[selected:]
  missing = _static(num_clusters) - selected
  if callable(method):
    inputs = [_only_finite(shard) for shard in inputs]
    new = _given(method(inputs, tf.convert_to_tensor(missing)), inputs[0])
    rows = _num_rows(new)
    return _checked(
        new,
        rows <= missing,
        'initial_clusters(inputs, k) must return at most k centers. k:',
        missing,
        'returned:',
        rows,
    )
  seed = stream_seed(seed)
  if method == RANDOM_INIT:
    points = inputs[0] if len(inputs) == 1 else tf.concat(inputs, 0)
    points = _checked(
        points,
        _num_rows(points) > 0,
        'Random initialisation needs a batch of at least 1 point.',
    )
    return random_rows(_only_finite(points), missing, seed, selected)
  points = _only_finite(inputs[0])
  if method == KMC2_INIT:
    return kmc2(points, centers, missing, chain_length, seed)
  rows = _kmeans_plus_plus(
      _with_rows_for(missing, points), missing, seed, num_retries, selected
  )
  return tf.gather(points, rows)
