# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Chooses the initial centers: random rows, k-means++ and k-MC2.

A model calls `choose` on one batch after the other until all centers are
chosen. No function here changes a variable. If the shape of the input is known
when the graph is built, so is the shape of the output.

All functions draw from `philox` streams, so a seed gives the same draws on
every device. With the same seed, `kmeans_plus_plus_initialization` and
`kmc2_chain_initialization` make the same draws as TensorFlow's CPU kernels of
these names.

For the cosine metric, callers pass points scaled to unit length: half the
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
from kmeans_estimator.ops import sizes
from kmeans_estimator.ops import starts

RANDOM_INIT = 'random'
KMEANS_PLUS_PLUS_INIT = 'kmeans_plus_plus'
KMC2_INIT = 'kmc2'

Method = Union[str, np.ndarray, tf.Tensor, Callable[..., Any]]


def stream_seed(seed: Optional[int]) -> int:
  """Combines the seed of the model with the seed of the graph.

  Args:
    seed: the model's seed, or None.

  Returns:
    If the graph has a seed: a number that depends on the graph's seed and on
    `seed`. Otherwise `seed`; a random number if `seed` is None.
  """
  graph_seed = tf.compat.v1.get_default_graph().seed
  if seed is not None:
    seed = int(seed)
  if graph_seed is None:
    return secrets.randbits(63) if seed is None else seed
  digest = hashlib.sha256(repr((int(graph_seed), seed)).encode()).digest()
  return int.from_bytes(digest[:8], 'little')


def _checked(tensor, condition, *message):
  """Returns a tensor that can be evaluated only if a condition holds.

  Args:
    tensor: the tensor to return.
    condition: bool, or bool scalar tensor.
    *message: the parts of the error message: strings, integers and integer
      scalar tensors.

  Returns:
    `tensor`. If `condition` is a tensor, evaluating the result fails unless
    `condition` holds.

  Raises:
    InvalidArgumentError: `condition` is a Python value and does not hold.
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
  """Returns `points` after checking that k-means++ can sample enough rows."""
  num_points = sizes.rows(points)
  return _checked(
      points,
      num_to_sample <= num_points,
      'k-means++ chooses all centers from one batch, which must hold at least '
      'one point for each center. Use larger batches, or another '
      'initial_clusters. Centers to choose:',
      num_to_sample,
      'points:',
      num_points,
  )


def kmeans_plus_plus_initialization(
    points: tf.Tensor,
    num_to_sample: sizes.Integer,
    seed: sizes.Integer,
    num_retries_per_sample: sizes.Integer,
) -> tf.Tensor:
  """Chooses distinct rows by k-means++.

  The first row is drawn uniformly. Each further row is drawn with a probability
  proportional to its squared distance to the nearest row chosen so far (D.
  Arthur and S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding",
  2007). Several candidates are drawn for each row, and the candidate that
  lowers the sum of these distances most is chosen. One pass over the points
  compares all candidates of a row. It needs memory for a copy of the points and
  a few matrices `[candidates, n]`.

  Args:
    points: float `[n, d]`.
    num_to_sample: m, integer scalar, from 1 to `n`.
    seed: integer scalar. The same seed draws the same rows. Except for rounding
      errors, they are the rows that TensorFlow's CPU kernel draws.
    num_retries_per_sample: integer scalar, the number of candidates to draw
      besides the first candidate; negative: `2 + floor(ln m)`.

  Returns:
    `[m, d]` of the points' dtype, in the order of the draws.

  Raises:
    InvalidArgumentError: m is below 1 or above n; the message names the
      numbers. Or the points hold NaN or Inf; the message names rows and
      columns.
  """
  points = points_lib.as_points(points, 'points')
  num_to_sample = sizes.static(num_to_sample)
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
          num_to_sample, sizes.static(num_retries_per_sample)
      ),
      seed,
  )
  return tf.gather(points, rows)


def kmc2_chain_initialization(
    distances: tf.Tensor, seed: sizes.Integer
) -> tf.Tensor:
  """Runs one Markov chain of k-MC2 over candidates.

  The state of the chain is a candidate, at first candidate 0. The chain visits
  the other candidates in order and moves to each with probability
  `min(1, distance of the candidate / distance of the state)` (O. Bachem et al.,
  "Approximate K-Means++ in Sublinear Time", 2016).

  Args:
    distances: float `[n]`, n at least 1; the squared distance of each candidate
      to the nearest center chosen so far, not negative.
    seed: integer scalar. The same seed gives the same index, which is also the
      index that TensorFlow's CPU kernel gives.

  Returns:
    int64 scalar, the index of the candidate where the chain ends.

  Raises:
    InvalidArgumentError: there are no candidates.
    TypeError: `distances` is not numeric.
    ValueError: `distances` is not a vector.
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
  count = sizes.rows(distances)
  distances = _checked(
      distances, count > 0, 'distances must hold at least 1 number, got', count
  )
  return kmc2.chain_end(distances, seed)


def random_rows(
    points: tf.Tensor,
    num: sizes.Integer,
    seed: sizes.Integer,
    stream: sizes.Integer = 0,
    weights: Optional[tf.Tensor] = None,
) -> tf.Tensor:
  """Draws distinct rows, uniformly or in proportion to weights.

  With weights, each row gets a key `u**(1 / weight)`, where u is drawn
  uniformly from (0, 1), and the rows with the largest keys are chosen (P.
  Efraimidis and P. Spirakis, "Weighted random sampling with a reservoir",
  2006). If all weights are equal, the rows are the same as without weights.

  Args:
    points: `[n, d]`.
    num: integer scalar, the number of rows to draw.
    seed: integer scalar.
    stream: integer scalar, the number of the random stream. Different streams
      of the same seed draw differently.
    weights: float `[n]`, above 0; None: every point has weight 1.

  Returns:
    `[min(num, n), d]`, in the order of the points.
  """
  num_points = sizes.rows(points)
  num = sizes.minimum(num, num_points)
  keys = philox.words(num_points, seed, stream)
  if weights is not None:
    # Compare logarithms of the keys: for small weights, the keys underflow.
    uniforms = (tf.cast(keys, tf.float64) + 0.5) * 2.0**-32
    keys = tf.math.log(uniforms) / tf.cast(weights, tf.float64)
  drawn = tf.math.top_k(keys, num).indices
  return tf.gather(points, tf.reverse(tf.math.top_k(drawn, num).values, [0]))


def _given(value, points):
  """Returns the centers that a user gives, in the dtype of the points."""
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
  # The function of a user may return a tensor without a static shape.
  return tf.ensure_shape(centers, [None, points.shape[1]])


def _finite_array(value, dtype):
  """Returns a NumPy array of centers in `dtype`, after checking its values."""
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
  """Returns `centers` after checking that the points have as many columns."""
  columns, expected = sizes.columns(centers), sizes.columns(points)
  return _checked(
      centers,
      tf.equal(columns, expected),
      f'The batch must have as many columns as {name}. Columns of {name}:',
      columns,
      'columns of the batch:',
      expected,
  )


def _only_finite(points):
  """Returns `points` after checking them for NaN and Inf."""
  sums = tf.reduce_sum(points, axis=1)
  check = points_lib.assert_finite(points, sums, tf.reduce_sum(sums))
  with tf.control_dependencies([check]):
    return tf.identity(points)


def choose(
    method: Method,
    inputs: List[tf.Tensor],
    centers: tf.Tensor,
    num_clusters: sizes.Integer,
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
      `k` centers.
    inputs: float `[n, d]`, the batch as a list of shards. `RANDOM_INIT` draws
      from all shards, k-means++ and k-MC2 draw from the first shard. For the
      cosine metric these three methods need rows of unit length.
    centers: `[selected, d]`, the centers chosen from earlier batches.
    num_clusters: k, integer scalar; ignored if `method` is a matrix.
    seed: the model's seed or None, see `stream_seed`.
    num_retries: for k-means++, see `kmeans_plus_plus_initialization`.
    chain_length: for k-MC2, see `kmc2`.
    weights: a list with the weights of each shard, `[n]` of its dtype. Points
      of weight 0 are removed from the batch. Random rows are drawn in
      proportion to weight, the rows of k-means++ and k-MC2 in proportion to
      weight times squared distance. None: every point has weight 1.
    num_starts: the number of times that the three methods draw from a batch
      that gives all k centers, see `starts`. They draw only once from a batch
      that gives fewer centers.
    metric: `SQUARED_EUCLIDEAN_DISTANCE` or `COSINE_DISTANCE`, the metric by
      which starts are compared.

  Returns:
    `[m, d]`, the new centers, m at most `k - selected`. If the batch has no
    rows, m is 0, unless `method` is a matrix.

  Raises:
    InvalidArgumentError: a shard that `method` uses holds NaN or Inf; the batch
      has too few rows for k-means++, or the wrong number of columns; the
      weights are not valid; `method` gives too many centers, or centers that
      are not finite.
    TypeError: `method` gives centers that are not numeric.
    ValueError: `method` gives centers with the wrong number of columns, or
      centers that are not finite, and this is known when the graph is built.
  """
  if inputs[0].shape[1] is None:
    centers = _of_same_columns('the centers chosen so far', centers, inputs[0])
  selected = sizes.rows(centers)
  if not isinstance(method, str) and not callable(method):
    return _given(method, inputs[0])[selected:]
  missing = sizes.static(num_clusters) - selected
  if weights is not None:
    if method == RANDOM_INIT:
      inputs, weights = [tf.concat(inputs, 0)], [tf.concat(weights, 0)]
    present = [_present(*shard) for shard in zip(inputs, weights)]
    inputs, weights = map(list, zip(*present))
  if callable(method):
    return _from_function(method, inputs, missing)
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


def _from_function(function, inputs, missing):
  """Returns the centers of a function; none if the batch has no rows."""
  inputs = [_only_finite(shard) for shard in inputs]
  new = _given(function(inputs, tf.convert_to_tensor(missing)), inputs[0])
  if not all(shard.shape[0] for shard in inputs):
    num_inputs = tf.add_n([sizes.rows(shard) for shard in inputs])
    new = new[: tf.where(num_inputs > 0, sizes.rows(new), 0)]
  rows = sizes.rows(new)
  return _checked(
      new,
      rows <= missing,
      'initial_clusters(inputs, k) must return at most k centers. k:',
      missing,
      'returned:',
      rows,
  )


def _present(points, weights):
  """Returns the points of weight above 0, and their weights.

  The weights are divided by the largest weight of the shard.
  """
  total = tf.reduce_sum(points_lib.usable_weights(weights))
  check = points_lib.assert_weights(weights, total)
  with tf.control_dependencies([check] if check is not None else []):
    # A common factor of all weights changes no draw. This factor keeps sums of
    # weights from overflowing.
    weights = weights / tf.reduce_max(weights)
  rows = tf.squeeze(tf.where(weights > 0), 1)
  return tf.gather(points, rows), tf.gather(weights, rows)


def _gives_all(method, points, num_clusters, selected, chain_length):
  """Returns whether no center is chosen yet and the batch gives all k."""
  num_points = sizes.rows(points)
  needed = num_clusters
  if method == KMC2_INIT:
    needed *= sizes.minimum(chain_length, num_points)
  return (
      tf.equal(selected, 0)
      & tf.greater_equal(num_points, needed)
      & tf.greater(num_points, 0)
  )


def _none_of_no_rows(number, points):
  """Returns `number`, or 0 for a batch without rows, which gives no centers."""
  if points.shape[0]:
    return number
  has_rows = sizes.rows(points) > 0
  return tf.where(has_rows, number, tf.zeros_like(number))
