# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The random stream of TensorFlow's CPU kernels, as ops for any device.

TensorFlow's CPU kernels that take a seed read one endless stream of 32-bit
words: Philox 4x32 (J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2,
3", 2011) with the seed as its key and a 128-bit counter that starts at 0 and
advances by 1 every four words. The stream depends only on the seed. The upper
64 bits of the counter number 2**64 streams per seed; TensorFlow's kernels use
stream 0.
"""

import tensorflow as tf

from kmeans_estimator.ops import sizes

_PHILOX = 1
_WORDS_PER_BLOCK = 4
_MANTISSA_BITS = 23


def _unsigned(*values):
  """Returns signed or unsigned integers as a uint64 vector, modulo 2**64."""
  if all(isinstance(value, int) for value in values):
    return tf.constant([value % 2**64 for value in values], tf.uint64)
  tensors = [
      tf.constant(value, tf.int64)
      if isinstance(value, int)
      else tf.cast(value, tf.int64)
      for value in values
  ]
  return tf.bitcast(tf.stack(tensors), tf.uint64)


def words(
    count: sizes.Integer,
    seed: sizes.Integer,
    stream: sizes.Integer = 0,
    position: sizes.Integer = 0,
) -> tf.Tensor:
  """Returns words of a seed's random stream.

  Args:
    count: number of words.
    seed: 64-bit integer, or integer scalar tensor.
    stream: index of the stream; TensorFlow's kernels draw from stream 0.
    position: number of words at the start of the stream to skip; not negative.

  Returns:
    uint32 `[count]`.
  """
  ahead = position % _WORDS_PER_BLOCK
  at_block = isinstance(ahead, int) and not ahead
  # Draw int32 and bitcast at the end: TensorFlow has no GPU kernel that slices
  # uint32 at a position known only when the graph runs.
  found = tf.raw_ops.StatelessRandomUniformFullIntV2(
      shape=[count if at_block else count + _WORDS_PER_BLOCK - 1],
      key=_unsigned(seed),
      counter=_unsigned(position // _WORDS_PER_BLOCK, stream),
      alg=_PHILOX,
      dtype=tf.int32,
  )
  if not at_block:
    found = tf.slice(found, tf.reshape(ahead, [1]), [count])
  return tf.bitcast(found, tf.uint32)


def unit_floats(words: tf.Tensor, dtype: tf.DType = tf.float32) -> tf.Tensor:  # pylint: disable=redefined-outer-name
  """Converts words to numbers in [0, 1), using the low 23 bits of each word.

  Args:
    words: uint32, of any shape.
    dtype: float32 or float64; the numbers are the same in both.

  Returns:
    `dtype`, of the shape of `words`.
  """
  mantissa = tf.bitwise.bitwise_and(words, 2**_MANTISSA_BITS - 1)
  return tf.cast(mantissa, dtype) * 2.0**-_MANTISSA_BITS


def integers_below(words: tf.Tensor, limit: sizes.Integer) -> tf.Tensor:  # pylint: disable=redefined-outer-name
  """Converts words to integers in [0, limit), each from two words.

  The first of the two words is the low half of a 64-bit number, whose remainder
  modulo `limit` is the integer.

  Args:
    words: uint32 `[2 * count]`.
    limit: integer or integer scalar tensor, at least 1.

  Returns:
    int64 `[count]`.
  """
  numbers = tf.bitcast(tf.reshape(words, [-1, 2]), tf.uint64)
  if not isinstance(limit, int):
    limit = tf.cast(limit, tf.uint64)
  return tf.cast(numbers % limit, tf.int64)


def weighted_integers(words: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:  # pylint: disable=redefined-outer-name
  """Converts words to integers in [0, n), distributed by weight.

  Each integer takes two words. They are a number; let r be this number modulo
  n, which `integers_below` would return, and q the quotient, scaled to [0, 1).
  Then `r + q`, times the mean weight, is a position in the running sum of the
  weights. The integer is the index of the weight at that position; with equal
  weights it is r.

  Args:
    words: uint32 `[2 * count]`.
    weights: float `[n]`, not negative; their sum is positive.

  Returns:
    int64 `[count]`.
  """
  numbers = tf.bitcast(tf.reshape(words, [-1, 2]), tf.uint64)
  n = tf.shape(weights, tf.int64)[0]
  limit = tf.cast(n, tf.uint64)
  units = tf.cast(n, tf.float64)
  within = tf.cast(numbers // limit, tf.float64) * 2.0**-64 * units
  # Rounded to 1, the fraction would move the position to the next integer.
  place = tf.cast(numbers % limit, tf.float64) + tf.minimum(within, 0.999999)
  running = tf.cumsum(tf.cast(weights, tf.float64))
  target = place * (running[-1:] / units)
  found = tf.raw_ops.UpperBound(
      sorted_inputs=running[tf.newaxis],
      values=target[tf.newaxis],
      out_type=tf.int64,
  )
  return tf.minimum(found[0], n - 1)
