# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._checkpoints: errors for damaged files."""

import os
import re
import shutil

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import _checkpoints
from kmeans_estimator import estimator as estimator_lib
from kmeans_estimator import inputs
from kmeans_estimator import saver
from tests.helpers import testing

_POINTS, _CENTERS = testing.blobs(60, 2, 3, seed=0)
_INPUT_FN = inputs.array_input_fn(_POINTS)

# For each kind of damage: the ending of the damaged file of the latest
# checkpoint, how the file is changed, and the text of the error.
_DAMAGES = {
    'empty_data': ('.data-00000-of-00001', 'empty', 'is empty'),
    'short_data': ('.data-00000-of-00001', 'cut', 'is cut off or altered'),
    'altered_data': ('.data-00000-of-00001', 'alter', 'is cut off or altered'),
    'no_data': ('.data-00000-of-00001', 'remove', 'is missing'),
    'empty_index': ('.index', 'empty', 'is empty'),
    'short_index': ('.index', 'cut', 'is cut off or altered'),
    'no_index': ('.index', 'remove', 'is missing'),
}
# For each kind of damage: the new content of the file `checkpoint` (None: the
# file is deleted), and the text of the error.
_STATES = {
    'no_state': (None, 'is missing'),
    'empty_state': (b'', 'cannot be read'),
    'garbage': (b'?', 'cannot be read'),
    'binary_garbage': (b'\xff\xfe\x00', 'cannot be read'),
}


def _receiver():
  x = tf.compat.v1.placeholder(tf.float32, [None, 2])
  return estimator_lib.export.ServingInputReceiver(x, {'x': x})


def _uses(kmeans):
  """Returns all ways to use a model by name."""
  exports = os.path.join(kmeans.model_dir, 'exports')
  return {
      'train': lambda: kmeans.train(_INPUT_FN, steps=1),
      'max_steps': lambda: kmeans.train(_INPUT_FN, max_steps=9),
      'predict': lambda: next(kmeans.predict(_INPUT_FN)),
      'score': lambda: kmeans.score(_INPUT_FN),
      'evaluate': lambda: kmeans.evaluate(_INPUT_FN),
      'cluster_centers': kmeans.cluster_centers,
      'export': lambda: kmeans.export_saved_model(exports, _receiver),
  }


class DamagedCheckpointTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls._whole = os.path.join(testing.folder_of_class(cls), 'whole')
    cls._kmeans_in(cls._whole).train(_INPUT_FN, steps=2).train(
        _INPUT_FN, steps=3
    )

  @staticmethod
  def _kmeans_in(model_dir):
    return kmeans_estimator.KMeans(
        3,
        model_dir=model_dir,
        initial_clusters=_CENTERS,
        config=testing.run_config(session_config=testing.unoptimized()),
    )

  def _copy(self):
    """Returns the folder of a model with checkpoints of steps 0, 2 and 5."""
    model_dir = os.path.join(testing.temporary_folder(self), 'model')
    shutil.copytree(self._whole, model_dir)
    return model_dir

  def _damage(self, path, how):
    with open(path, 'rb') as file:
      content = file.read()
    if how == 'remove':
      os.remove(path)
      return
    if how == 'empty':
      content = b''
    elif how == 'cut':
      content = content[: len(content) // 2]
    else:
      content = bytes(255 - byte for byte in content)
    with open(path, 'wb') as file:
      file.write(content)

  def _follow_advice(self, message, model_dir, step):
    """Follows the advice of a message; it must lead back to a given step."""
    [(path, line)] = re.findall(
        r'the content of the file (\S+) by this line:\n(.+)', message
    )
    self.assertEqual(path, os.path.join(model_dir, 'checkpoint'))
    with open(path, 'w') as file:
      file.write(line)
    kmeans = self._kmeans_in(model_dir)
    self.assertEqual(kmeans.get_variable_value('global_step'), step)
    kmeans.train(_INPUT_FN, steps=1)
    self.assertEqual(kmeans.get_variable_value('global_step'), step + 1)
    self.assertGreater(kmeans.score(_INPUT_FN), 0)

  @parameterized.named_parameters(
      (name, *damage) for name, damage in _DAMAGES.items()
  )
  def test_damaged_file_is_named(self, ending, how, problem):
    model_dir = self._copy()
    prefix = os.path.join(model_dir, 'model.ckpt-5')
    self._damage(prefix + ending, how)
    before = sorted(os.listdir(model_dir))
    kmeans = self._kmeans_in(model_dir)
    for name, use in _uses(kmeans).items():
      with self.subTest(name), self.assertRaises(
          tf.errors.DataLossError
      ) as raised:
        use()
      message = raised.exception.message
      self.assertIn(f'checkpoint {prefix} is damaged', message)
      self.assertIn(f'the file {prefix}{ending} {problem}', message)
      self.assertIn(f'intact checkpoint is {model_dir}/model.ckpt-2.', message)
    self.assertContainsSubset(before, os.listdir(model_dir))
    self._follow_advice(message, model_dir, 2)

  @parameterized.named_parameters(
      (name, *state) for name, state in _STATES.items()
  )
  def test_training_without_the_state_file_does_not_start_anew(
      self, content, problem
  ):
    model_dir = self._copy()
    path = os.path.join(model_dir, 'checkpoint')
    os.remove(path)
    if content is not None:
      with open(path, 'wb') as file:
        file.write(content)
    kmeans = self._kmeans_in(model_dir)
    for name, use in _uses(kmeans).items():
      with self.subTest(name), self.assertRaisesRegex(
          tf.errors.DataLossError, rf'The file {path}, .* {problem}\.'
      ) as raised:
        use()
    self._follow_advice(raised.exception.message, model_dir, 5)

  def test_advice_skips_damaged_older_checkpoints(self):
    model_dir = self._copy()
    for step, ending in ((5, '.index'), (2, '.data-00000-of-00001')):
      self._damage(os.path.join(model_dir, f'model.ckpt-{step}{ending}'), 'cut')
    with self.assertRaisesRegex(
        tf.errors.DataLossError, r'intact checkpoint is \S+model\.ckpt-0\.'
    ):
      self._kmeans_in(model_dir).cluster_centers()

  def test_error_says_if_no_checkpoint_is_whole(self):
    model_dir = self._copy()
    for step in (0, 2, 5):
      os.remove(os.path.join(model_dir, f'model.ckpt-{step}.index'))
    kmeans = self._kmeans_in(model_dir)
    for use in _uses(kmeans).values():
      with self.assertRaisesRegex(
          tf.errors.DataLossError,
          rf'No checkpoint in {model_dir} is intact\. To train a new model, '
          'give another model_dir, or delete the files',
      ):
        use()

  def test_advice_repairs_a_state_file_that_names_the_old_folder(self):
    model_dir = self._copy()
    with open(os.path.join(model_dir, 'checkpoint'), 'w') as file:
      file.write('model_checkpoint_path: "/elsewhere/model.ckpt-5"')
    kmeans = self._kmeans_in(model_dir)
    with self.assertRaisesRegex(
        tf.errors.DataLossError, '/elsewhere/model.ckpt-5.index is missing'
    ) as raised:
      kmeans.train(_INPUT_FN, steps=1)
    self._follow_advice(raised.exception.message, model_dir, 5)

  def test_damaged_given_checkpoint_is_named(self):
    model_dir = self._copy()
    prefix = os.path.join(model_dir, 'model.ckpt-2')
    self._damage(prefix + '.data-00000-of-00001', 'cut')
    kmeans = self._kmeans_in(model_dir)
    for use in (
        lambda: next(kmeans.predict(_INPUT_FN, checkpoint_path=prefix)),
        lambda: kmeans.evaluate(_INPUT_FN, checkpoint_path=prefix),
        lambda: kmeans.export_saved_model(
            model_dir, _receiver, checkpoint_path=prefix
        ),
    ):
      with self.assertRaisesRegex(
          tf.errors.DataLossError, r'model\.ckpt-2 is damaged.*model\.ckpt-5\.'
      ):
        use()

  @parameterized.parameters('none', 'model.ckpt-5.index', 'model.ckpt')
  def test_given_checkpoint_that_does_not_exist_is_refused(self, name):
    kmeans = self._kmeans_in(self._whole)
    prefix = os.path.join(self._whole, name)
    for use in (
        lambda: next(kmeans.predict(_INPUT_FN, checkpoint_path=prefix)),
        lambda: kmeans.evaluate(_INPUT_FN, checkpoint_path=prefix),
        lambda: kmeans.export_saved_model(
            self._whole, _receiver, checkpoint_path=prefix
        ),
    ):
      with self.assertRaisesRegex(
          ValueError, f'no checkpoint {prefix}. Give .* without the ending'
      ):
        use()

  def test_latest_checkpoint_that_cannot_be_read_has_no_centers(self):
    self.assertTrue(saver.latest_has_all_centers(self._whole))
    model_dir = self._copy()
    self._damage(os.path.join(model_dir, 'model.ckpt-5.index'), 'empty')
    self.assertFalse(saver.latest_has_all_centers(model_dir))
    for content, _ in _STATES.values():
      state_file = os.path.join(model_dir, 'checkpoint')
      if content is None:
        os.remove(state_file)
      else:
        with open(state_file, 'wb') as file:
          file.write(content)
      self.assertFalse(saver.latest_has_all_centers(model_dir), content)
    self.assertFalse(
        saver.latest_has_all_centers(os.path.join(model_dir, 'new'))
    )

  def test_given_checkpoint_needs_no_state_file(self):
    model_dir = self._copy()
    os.remove(os.path.join(model_dir, 'checkpoint'))
    prefix = os.path.join(model_dir, 'model.ckpt-2')
    kmeans = self._kmeans_in(model_dir)
    next(kmeans.predict(_INPUT_FN, checkpoint_path=prefix))
    result = kmeans.evaluate(_INPUT_FN, checkpoint_path=prefix)
    self.assertEqual(result['global_step'], 2)

  def test_unknown_variable_is_not_reported_as_damage(self):
    kmeans = self._kmeans_in(self._whole)
    with self.assertRaises(tf.errors.NotFoundError):
      kmeans.get_variable_value('no such variable')
    self.assertContainsSubset(
        ['clusters', 'initialized'], kmeans.get_variable_names()
    )

  def test_folder_without_checkpoints_starts_a_new_model(self):
    model_dir = testing.temporary_folder(self)
    for name in ('book.index', 'model.ckpt-0.meta', 'graph.pbtxt'):
      with open(os.path.join(model_dir, name), 'w'):
        pass
    kmeans = self._kmeans_in(model_dir).train(_INPUT_FN, steps=1)
    self.assertEqual(kmeans.get_variable_value('global_step'), 1)

  def test_new_folder_is_accepted(self):
    model_dir = os.path.join(testing.temporary_folder(self), 'new')
    _checkpoints.check_latest(model_dir)
    with self.assertRaisesRegex(ValueError, 'find trained model'):
      self._kmeans_in(model_dir).cluster_centers()


class ShardsTest(tf.test.TestCase, parameterized.TestCase):

  def _save(self):
    """Saves a checkpoint in two files, as two parameter servers would."""
    prefix = os.path.join(testing.temporary_folder(self), 'model.ckpt-1')
    with tf.Graph().as_default():
      for i in range(2):
        with tf.device(f'/CPU:{i}'):
          tf.compat.v1.Variable(
              np.zeros([100]), name=f'v{i}', use_resource=True
          )
      saver = tf.compat.v1.train.Saver(sharded=True)
      config = tf.compat.v1.ConfigProto(device_count={'CPU': 2})
      with tf.compat.v1.Session(config=config) as session:
        session.run(tf.compat.v1.global_variables_initializer())
        return saver.save(session, prefix)

  def test_whole_checkpoint_has_no_problem(self):
    self.assertIsNone(_checkpoints.problem_of(self._save()))

  @parameterized.parameters(0, 1)
  def test_missing_shard_is_named(self, shard):
    prefix = self._save()
    path = f'{prefix}.data-0000{shard}-of-00002'
    os.remove(path)
    self.assertEqual(
        _checkpoints.problem_of(prefix), f'the file {path} is missing'
    )

  @parameterized.parameters(0, 1)
  def test_short_shard_is_named(self, shard):
    prefix = self._save()
    path = f'{prefix}.data-0000{shard}-of-00002'
    os.truncate(path, os.path.getsize(path) // 2)
    problem = _checkpoints.problem_of(prefix)
    self.assertIn(f"is cut off or altered: variable 'v{shard}'", problem)


if __name__ == '__main__':
  tf.test.main()
