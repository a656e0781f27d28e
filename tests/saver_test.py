# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.saver."""

import os

from absl.testing import parameterized
import tensorflow as tf

from kmeans_estimator import saver as saver_lib
from kmeans_estimator.ops import state as state_lib


class KMeansSaverTest(tf.test.TestCase, parameterized.TestCase):

  def _save(self, centers, initialized, steps_per_iteration=None):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      state = state_lib.training_state(3, 2, tf.float32, steps_per_iteration)
      session.run(tf.compat.v1.global_variables_initializer())
      session.run([
          state.clusters.assign(tf.reshape(tf.constant(centers), [-1, 2])),
          state.initialized.assign(initialized),
      ])
      path = os.path.join(self.get_temp_dir(), 'model')
      return tf.compat.v1.train.Saver().save(session, path)

  def _restore(
      self,
      path,
      k=3,
      d=2,
      trained=True,
      dtype=tf.float32,
      steps_per_iteration=None,
  ):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      make = state_lib.inference_state if trained else (
          lambda *args: state_lib.training_state(*args, steps_per_iteration)
      )
      state = make(k, d, dtype)
      saver = saver_lib.KMeansSaver(state, k, must_be_trained=trained)
      saver.restore(session, path)
      return session.run(state.clusters)

  @parameterized.parameters(True, False)
  def test_restores_a_checkpoint_that_fits(self, trained):
    centers = [[1.0, 2], [3, 4], [5, 6]]
    path = self._save(centers, True)
    self.assertAllEqual(self._restore(path, trained=trained), centers)
    self.assertAllEqual(self._restore(path, d=None, trained=trained), centers)

  @parameterized.parameters(True, False)
  def test_refuses_the_wrong_number_of_columns(self, trained):
    path = self._save([[1.0, 2], [3, 4], [5, 6]], True)
    with self.assertRaisesRegex(ValueError, '4 columns.* trained on 2'):
      self._restore(path, d=4, trained=trained)

  @parameterized.parameters(True, False)
  def test_refuses_the_wrong_number_of_centers(self, trained):
    path = self._save([[1.0, 2], [3, 4], [5, 6]], True)
    for k in (2, 4):
      with self.assertRaisesRegex(
          ValueError, f'num_clusters is {k}, .* has 3 centers'
      ):
        self._restore(path, k=k, trained=trained)

  @parameterized.parameters(([],), ([[1.0, 2]],))
  def test_only_training_restores_partly_chosen_centers(self, centers):
    path = self._save(centers, False)
    self.assertLen(self._restore(path, trained=False), len(centers))
    with self.assertRaisesRegex(ValueError, 'must be trained'):
      self._restore(path, trained=True)

  def test_refuses_more_chosen_centers_than_wanted(self):
    path = self._save([[1.0, 2], [3, 4], [5, 6]], False)
    with self.assertRaisesRegex(
        ValueError, 'num_clusters is 2, .* had chosen 3 .* more were missing'
    ):
      self._restore(path, k=2, trained=False)

  @parameterized.parameters(True, False)
  def test_refuses_the_wrong_dtype(self, trained):
    path = self._save([[1.0, 2], [3, 4], [5, 6]], True)
    with self.assertRaisesRegex(
        ValueError, 'as float64, .* trained on float32. Cast .* to float32'
    ):
      self._restore(path, trained=trained, dtype=tf.float64)

  @parameterized.parameters(
      (None, 1, 'use_mini_batch=False'),
      (None, 3, 'use_mini_batch=False'),
      (1, 3, 'mini_batch_steps_per_iteration=1'),
  )
  def test_refuses_a_checkpoint_without_variables_of_the_training(
      self, before, after, wanted
  ):
    path = self._save([[1.0, 2], [3, 4], [5, 6]], True, before)
    with self.assertRaisesRegex(
        ValueError, f'was trained with {wanted}, .* Give {wanted}, or another'
    ):
      self._restore(path, trained=False, steps_per_iteration=after)

  @parameterized.parameters((1, None), (3, None), (3, 1))
  def test_restores_a_checkpoint_with_more_variables(self, before, after):
    centers = [[1.0, 2], [3, 4], [5, 6]]
    path = self._save(centers, True, before)
    self.assertAllEqual(
        self._restore(path, trained=False, steps_per_iteration=after), centers
    )

  @parameterized.parameters(('other', 'clusters'), ('clusters', 'initialized'))
  def test_refuses_a_checkpoint_of_another_kind_of_model(
      self, present, missing
  ):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      tf.compat.v1.Variable(1.0, name=present)
      session.run(tf.compat.v1.global_variables_initializer())
      path = os.path.join(self.get_temp_dir(), 'model')
      path = tf.compat.v1.train.Saver().save(session, path)
    with self.assertRaisesRegex(
        ValueError, f"no variable '{missing}', only \\['{present}'"
    ):
      self._restore(path)


if __name__ == '__main__':
  tf.test.main()
