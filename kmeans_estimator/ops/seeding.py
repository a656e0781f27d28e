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
import secrets
from typing import Any, Callable, List, Optional, Union

import numpy as np
import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import checks
from kmeans_estimator.ops import distances as distances_lib
from kmeans_estimator.ops import kmc2
from kmeans_estimator.ops import kmeans_plus_plus
from kmeans_estimator.ops import philox
from kmeans_estimator.ops import points as points_lib
from kmeans_estimator.ops import starts

RANDOM_INIT = 'random'
KMEANS_PLUS_PLUS_INIT = 'kmeans_plus_plus'
KMC2_INIT = 'kmc2'

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
    check = checks.assert_that(condition, *message)
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
  points = _only_finite(_with_rows_for(num_to_sample, points))
  rows = kmeans_plus_plus.choose_rows(
      points,
      num_to_sample,
      kmeans_plus_plus.num_candidates(
          num_to_sample, _static(num_retries_per_sample)
      ),
      seed,
  )
  return tf.gather(points, rows)


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
  return kmc2.chain_end(distances, seed)


def random_rows(
    points: tf.Tensor,
    num: Integer,
    seed: Integer,
    stream: Integer = 0,
    weights: Optional[tf.Tensor] = None,
) -> tf.Tensor:
  """Distinct rows, any of them as likely, or in proportion to weights.

  With weights, the rows of the largest keys `u**(1 / weight)` are taken, for u
  drawn uniformly from (0, 1) (P. Efraimidis and P. Spirakis, "Weighted random
  sampling with a reservoir", 2006). Equal weights give the rows that are drawn
  without any.

  Args:
    points: `[n, d]`.
    num: how many, integer scalar.
    seed: integer scalar.
    stream: integer scalar; streams of one seed draw differently.
    weights: float `[n]`, above 0; None: all 1.

  Returns:
    `[min(num, n), d]`, in the order of the points.
  """
  num_points = _num_rows(points)
  num = _minimum(num, num_points)
  keys = philox.words(num_points, seed, stream)
  if weights is not None:
    # Logarithms, as powers of small weights vanish.
    uniforms = (tf.cast(keys, tf.float64) + 0.5) * 2.0**-32
    keys = tf.math.log(uniforms) / tf.cast(weights, tf.float64)
  drawn = tf.math.top_k(keys, num).indices
  return tf.gather(points, tf.reverse(tf.math.top_k(drawn, num).values, [0]))


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
    weights: Optional[List[tf.Tensor]] = None,
    num_starts: int = 1,
    metric: str = distances_lib.SQUARED_EUCLIDEAN_DISTANCE,
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
    weights: of the points of each shard, `[n]` of their dtype. Points of weight
      0 are left out, as if the batch did not hold them; each other point is
      drawn in proportion to its weight. None: all 1.
    num_starts: how often the three methods draw from a batch that gives all
      centers, see `starts`. A batch that gives some of them is drawn from once.
    metric: what starts are compared by.

  Returns:
    `[m, d]`, the new centers, m at most `k - selected`. A batch without rows
    gives none.

  Raises:
    InvalidArgumentError: a batch that is looked at holds NaN or Inf, has too
      few rows for k-means++, or the wrong number of columns; weights cannot be
      used; given centers are too many, or not finite.
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
  if weights is not None:
    if method == RANDOM_INIT:
      inputs, weights = [tf.concat(inputs, 0)], [tf.concat(weights, 0)]
    present = [_present(*shard) for shard in zip(inputs, weights)]
    inputs = [points for points, _ in present]
    weights = [of_points for _, of_points in present]
  if callable(method):
    inputs = [_only_finite(shard) for shard in inputs]
    new = _given(method(inputs, tf.convert_to_tensor(missing)), inputs[0])
    if not all(shard.shape[0] for shard in inputs):
      num_inputs = tf.add_n([tf.shape(shard)[0] for shard in inputs])
      new = new[: tf.where(num_inputs > 0, tf.shape(new)[0], 0)]
    rows = _num_rows(new)
    return _checked(
        new,
        rows <= missing,
        'initial_clusters(inputs, k) must return at most k centers. k:',
        missing,
        'returned:',
        rows,
    )
  points = inputs[0]
  if method == RANDOM_INIT and len(inputs) > 1:
    points = tf.concat(inputs, 0)
  points = _only_finite(points)
  if points.shape[0] == 0:
    return points
  if method == KMEANS_PLUS_PLUS_INIT:
    missing = _none_of_no_rows(missing, points)
    points = _with_rows_for(missing, points)
  of_points = None if weights is None else weights[0]

  def draw(seed):
    if method == RANDOM_INIT:
      return random_rows(points, missing, seed, selected, of_points)
    if method == KMC2_INIT:
      rows = kmc2.choose_rows(
          points, centers, missing, chain_length, seed, of_points
      )
    else:
      rows = kmeans_plus_plus.choose_rows(
          points,
          missing,
          kmeans_plus_plus.num_candidates(missing, num_retries),
          seed,
          selected,
          of_points,
      )
    return tf.gather(points, rows)

  seed = stream_seed(seed)
  if num_starts == 1:
    return draw(seed)
  with placement.as_outside(points):
    return tf.cond(
        _gives_all(method, points, num_clusters, selected, chain_length),
        lambda: starts.best(
            draw,
            starts.seeds(seed, num_starts),
            points,
            of_points,
            num_clusters,
            metric,
        ),
        lambda: draw(seed),
    )


def _present(points, weights):
  """Points of weights above 0, and weights as shares of the largest one."""
  total = tf.reduce_sum(points_lib.usable_weights(weights))
  check = points_lib.assert_weights(weights, total)
  with tf.control_dependencies([check] if check is not None else []):
    # A factor of all weights does not matter, and so cannot overflow.
    weights = weights / tf.reduce_max(weights)
  rows = tf.squeeze(tf.where(weights > 0), 1)
  return tf.gather(points, rows), tf.gather(weights, rows)


def _gives_all(method, points, num_clusters, selected, chain_length):
  """Whether a batch gives k centers, where none was chosen before."""
  num_points = _num_rows(points)
  needed = num_clusters
  if method == KMC2_INIT:
    needed *= _minimum(chain_length, num_points)
  return (
      tf.equal(selected, 0)
      & tf.greater_equal(num_points, needed)
      & tf.greater(num_points, 0)
  )


def _none_of_no_rows(number, points):
  """`number`; 0 for a batch without rows, which gives no centers."""
  if points.shape[0]:
    return number
  has_rows = tf.shape(points)[0] > 0
  return tf.where(has_rows, number, tf.zeros_like(number))
