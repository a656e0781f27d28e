# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests the native ops against float64 NumPy, on random shapes."""

import os
import unittest

from absl.testing import parameterized
import hypothesis
from hypothesis import strategies as st
import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import clustering_ops
from kmeans_estimator.ops import native
from tests.helpers import implementations
from tests.helpers import numpy_model
from tests.helpers import running
from tests.helpers import testing

_LOADS_GRAPH = """
import sys
import tensorflow as tf
tf.compat.v1.disable_eager_execution()
tf.compat.v1.train.import_meta_graph(sys.argv[1])
"""


@st.composite
def _cases(draw):
  n, d, k = (
      draw(st.integers(0, 70)),
      draw(st.integers(1, 40)),
      draw(st.integers(1, 40)),
  )
  return dict(
      shape=(n, d, k),
      dtype=draw(st.sampled_from([np.float32, np.float64])),
      metric=draw(st.sampled_from(numpy_model.METRICS)),
      parts=draw(st.integers(1, 5)),
      weighted=draw(st.booleans()),
      instruction_set=draw(st.sampled_from(implementations.INSTRUCTION_SETS)),
      seed=draw(st.integers(0, 2**31)),
  )


@unittest.skipUnless(native.is_available(), 'The native ops are not built.')
class AllocateTest(tf.test.TestCase):

  @hypothesis.settings(max_examples=120, deadline=None, derandomize=True)
  @hypothesis.given(_cases())
  def test_equals_numpy(self, case):
    # Has no effect if the processor lacks the instruction set.
    native.use_instruction_set(case['instruction_set'])
    self.addCleanup(native.use_instruction_set, None)
    n, d, k = case['shape']
    random = np.random.RandomState(case['seed'])
    points = random.normal(2, 1, [n, d]).astype(case['dtype'])
    centers = random.normal(2, 1, [k, d]).astype(case['dtype'])
    cosine = case['metric'] == numpy_model.COSINE
    if cosine:
      centers = numpy_model.normalize(centers)
    weights = random.randint(0, 4, n).astype(case['dtype'])
    given = tf.constant(weights) if case['weighted'] else None
    allocated = native.allocate(
        tf.constant(points), tf.constant(centers), cosine, case['parts'], given
    )
    index, distance = native.nearest(
        tf.constant(points), tf.constant(centers), cosine, case['parts']
    )
    self.assertAllEqual(index, allocated.index)
    self.assertAllEqual(distance, allocated.distance)
    exact = numpy_model.distances(points, centers, case['metric'])
    rtol, atol = (
        (1e-4, 1e-5) if case['dtype'] == np.float32 else (1e-9, 1e-12)
    )
    index = allocated.index.numpy()
    self.assertAllClose(
        allocated.distance, exact.min(axis=1, initial=np.inf), rtol, atol
    )
    self.assertAllClose(
        exact[np.arange(n), index], exact.min(axis=1, initial=np.inf),
        rtol, atol,
    )  # pyformat: disable
    exact_points = points.astype(np.float64)
    if cosine:
      exact_points = numpy_model.normalize(exact_points)
    if not case['weighted']:
      weights = np.ones(n)
    sums, totals = np.zeros([k, d]), np.zeros(k)
    np.add.at(sums, index, weights[:, np.newaxis] * exact_points)
    np.add.at(totals, index, weights)
    self.assertAllEqual(allocated.totals, totals)
    # Points of unit length are rounded to their dtype before they are summed.
    self.assertAllClose(
        allocated.sums, sums, 1e-12, 1e-5 if cosine and rtol > 1e-9 else 1e-11
    )


@unittest.skipUnless(native.is_available(), 'The native ops are not built.')
class GraphTest(tf.test.TestCase, parameterized.TestCase):

  def test_number_of_threads_changes_no_bit(self):
    points, centers = testing.blobs(20_000, 17, 30, seed=1)
    results = []
    for threads in (1, 2, 5):
      with tf.Graph().as_default():
        allocated = native.allocate(
            tf.constant(points), tf.constant(centers), False, 7
        )
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads,
            inter_op_parallelism_threads=threads,
        )
        with tf.compat.v1.Session(config=config) as session:
          results.append(session.run(allocated))
    for result in results[1:]:
      for x, y in zip(results[0], result):
        self.assertAllEqual(x, y)

  def test_graph_of_a_checkpoint_names_the_missing_op(self):
    folder = testing.temporary_folder(self)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      points = tf.compat.v1.placeholder(tf.float32, [None, 2])
      clustering_ops.KMeans(points, 3).training_graph()
      session.run(tf.compat.v1.global_variables_initializer())
      path = tf.compat.v1.train.Saver().save(
          session, os.path.join(folder, 'model.ckpt')
      )
    result = running.run_forked('-c', _LOADS_GRAPH, path + '.meta')
    self.assertNotEqual(result.status, 0)
    self.assertIn('KmeansEstimator>', result.err)

  def test_wrong_shapes_are_refused(self):
    zeros = np.zeros
    for points, centers, message in (
        (zeros([3, 2], 'f'), zeros([2, 4], 'f'), '2 columns.*4'),
        (zeros([3, 2], 'f'), zeros([0, 2], 'f'), 'at least 1 center'),
        (zeros([3], 'f'), zeros([2, 2], 'f'), 'rank'),
    ):
      with self.assertRaisesRegex(
          (ValueError, tf.errors.InvalidArgumentError), message
      ):
        native.allocate(tf.constant(points), tf.constant(centers), False, 1)
    with tf.Graph().as_default():
      with self.assertRaisesRegex(ValueError, '2 columns.*4'):
        native.allocate(tf.zeros([3, 2]), tf.zeros([2, 4]), False, 1)
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, 'weights'):
      native.allocate(
          tf.zeros([3, 2]), tf.zeros([2, 2]), False, 1, tf.zeros([4])
      )


if __name__ == '__main__':
  tf.test.main()
