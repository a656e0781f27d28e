# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""TensorFlow's CPU random stream, as graph ops of any device.

Kernels that take a seed and draw on the CPU read one endless stream of 32-bit
words: Philox 4x32 (J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2,
3", 2011) with the seed as its key and a 128-bit counter that starts at 0 and
advances by 1 every four words. The stream of a seed depends on nothing else;
the upper half of the counter gives 2**64 such streams, of which kernels use
stream 0.
"""

from typing import Union

import tensorflow as tf

_PHILOX = 1
_WORDS_PER_BLOCK = 4
_MANTISSA_BITS = 23

Integer = Union[int, tf.Tensor]


def _unsigned(*values):
  """64-bit integers of either sign, modulo 2**64, as a uint64 vector."""
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
    count: Integer,
    seed: Integer,
    stream: Integer = 0,
    position: Integer = 0,
) -> tf.Tensor:
  """Words of a seed's random stream.

  Args:
    count: how many.
    seed: integer, or integer scalar tensor; of 64 bits.
    stream: which of the seed's streams; 0 is the one that kernels draw from.
    position: how many words of the stream to pass over; not negative.

  Returns:
    uint32 `[count]`.
  """
  ahead = position % _WORDS_PER_BLOCK
  at_block = isinstance(ahead, int) and not ahead
  # No GPU slices uint32 at a place that is not known.
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
  """Numbers in [0, 1), each from the low 23 bits of one word.

  Args:
    words: uint32, of any shape.
    dtype: float32 or float64; the numbers are the same in both.

  Returns:
    `dtype`, of the shape of `words`.
  """
  mantissa = tf.bitwise.bitwise_and(words, 2**_MANTISSA_BITS - 1)
  return tf.cast(mantissa, dtype) * 2.0**-_MANTISSA_BITS


def integers_below(words: tf.Tensor, limit: Integer) -> tf.Tensor:  # pylint: disable=redefined-outer-name
  """Integers in [0, limit), each from two words, the low one first.

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
  """Integers in [0, n) in proportion to weights, each from two words.

  The integer that `integers_below` makes of the words is the place in units of
  the mean weight, and what its division leaves is the place within the unit. So
  equal weights give the integer itself.

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
  # Rounded to 1 it would be in the next unit.
  place = tf.cast(numbers % limit, tf.float64) + tf.minimum(within, 0.999999)
  running = tf.cumsum(tf.cast(weights, tf.float64))
  target = place * (running[-1:] / units)
  found = tf.raw_ops.UpperBound(
      sorted_inputs=running[tf.newaxis],
      values=target[tf.newaxis],
      out_type=tf.int64,
  )
  return tf.minimum(found[0], n - 1)
