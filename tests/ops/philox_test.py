# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.ops.philox."""

from absl.testing import parameterized
import tensorflow as tf

from kmeans_estimator.ops import philox


class WordsTest(tf.test.TestCase, parameterized.TestCase):

  # Key, counter and words that the authors of Philox published (Random123,
  # kat_vectors, philox4x32 with 10 rounds); low words first.
  @parameterized.parameters(
      (
          (0, 0),
          (0, 0, 0, 0),
          (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
      ),
      (
          (0xFFFFFFFF, 0xFFFFFFFF),
          (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
          (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
      ),
      (
          (0xA4093822, 0x299F31D0),
          (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
          (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
      ),
  )
  def test_words_equal_the_published_ones(self, key, counter, expected):
    seed = key[0] + (key[1] << 32)
    position = 4 * (counter[0] + (counter[1] << 32))
    stream = counter[2] + (counter[3] << 32)
    self.assertAllEqual(philox.words(4, seed, stream, position), expected)

  @parameterized.parameters(range(9))
  def test_position_skips_words(self, position):
    expected = philox.words(20, -3)[position:][:7]
    self.assertAllEqual(philox.words(7, -3, 0, position), expected)
    self.assertAllEqual(
        philox.words(tf.constant(7), -3, 0, tf.constant(position, tf.int64)),
        expected,
    )

  def test_different_seeds_and_streams_give_different_words(self):
    words = [
        philox.words(4, seed, stream).numpy().tolist()
        for seed in (0, 1, -1, 2**32, 2**40)
        for stream in (0, 1, 2)
    ]
    self.assertLen(set(map(tuple, words)), len(words))

  @parameterized.parameters(0, 7, -7, 2**62, -(2**63))
  def test_seed_may_be_a_tensor(self, seed):
    self.assertAllEqual(
        philox.words(9, seed, 3),
        philox.words(9, tf.constant(seed, tf.int64), 3),
    )

  def test_xla_compiles_the_stream(self):
    def draw(position):
      return philox.words(13, 5, 2, position)

    position = tf.constant(6, tf.int64)
    self.assertAllEqual(
        tf.function(draw, jit_compile=True)(position), draw(position)
    )


class NumbersTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(tf.float32, tf.float64)
  def test_unit_floats_use_the_low_23_bits(self, dtype):
    words = tf.constant([0, 1, 2**22, 2**23, 2**32 - 1], tf.uint32)
    floats = philox.unit_floats(words, dtype)
    self.assertEqual(floats.dtype, dtype)
    self.assertAllEqual(floats, [0, 2.0**-23, 0.5, 0, 1 - 2.0**-23])

  @parameterized.product(
      limit=(1, 2, 3, 64, 1000, 2**31 - 1), known=(True, False)
  )
  def test_integers_below_a_limit_use_two_words(self, limit, known):
    words = philox.words(40, 1)
    low, high = words.numpy().reshape([-1, 2]).astype(object).T
    integers = philox.integers_below(
        words, limit if known else tf.constant(limit)
    )
    self.assertEqual(integers.dtype, tf.int64)
    self.assertAllEqual(integers, ((high * 2**32 + low) % limit).astype(int))


if __name__ == '__main__':
  tf.test.main()
