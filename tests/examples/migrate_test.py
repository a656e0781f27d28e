# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the old programs in examples/migrate as their users would."""

import os
import re

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import running

pytestmark = pytest.mark.slow


class MigrateTest(tf.test.TestCase):

  def _run(self, name, *args):
    result = running.run_forked(
        '-m',
        'kmeans_estimator',
        os.path.join(running.ROOT, 'examples', 'migrate', name),
        *args,
        TF_CPP_MIN_LOG_LEVEL='3',
    )
    self.assertEqual(result.status, 0, result.err)
    return result.out

  def test_documented_loop_runs(self):
    out = self._run('documented_loop.py')
    scores = [float(s) for s in re.findall(r'^score: (\S+)', out, re.M)]
    self.assertLen(scores, 10)
    self.assertAllLessEqual(np.diff(scores), 1e-3 * scores[0])
    self.assertLess(scores[-1], scores[0])
    self.assertLen(re.findall(r'^delta:', out, re.M), 9)
    self.assertLen(
        re.findall(r'^point: .* is in cluster [0-4] centered at', out, re.M),
        100,
    )

  def test_contrib_numpy_input_fn_runs(self):
    out = self._run('contrib_numpy_input_fn.py')
    self.assertCountEqual(
        re.findall(r'around (.*)', out),
        ['48.1 N, 11.6 E', '52.5 N, 13.4 E', '53.6 N, 10.0 E'],
    )
    self.assertIn('sizes: [200 200 200]', out)
    farthest = float(re.search(r'farthest home: (\S+)', out)[1])
    self.assertBetween(farthest, 0.5, 1.0)

  def test_columns_train_and_evaluate_runs(self):
    model_dir = self.get_temp_dir()
    out = self._run(
        'columns_train_and_evaluate.py',
        '--num_clusters=3',
        '--max_steps=40',
        f'--model_dir={model_dir}',
    )
    step, score = re.search(r'score at step (\d+): (\S+)', out).groups()
    self.assertEqual(int(step), 40)
    # Three separate groups: 100 points, variances of 2/900 and 4/2500.
    self.assertBetween(float(score), 0.2, 0.7)
    self.assertLen(
        tf.io.gfile.glob(os.path.join(model_dir, 'model.ckpt-*.index')), 3
    )
    serve = tf.saved_model.load(
        re.search('exported to (.*)', out)[1]
    ).signatures['serving_default']

    def example(visits, age, plan):
      return tf.train.Example(
          features=tf.train.Features(
              feature={
                  'visits': tf.train.Feature(
                      float_list=tf.train.FloatList(value=[visits])
                  ),
                  'age': tf.train.Feature(
                      float_list=tf.train.FloatList(value=[age])
                  ),
                  'plan': tf.train.Feature(
                      bytes_list=tf.train.BytesList(value=[plan])
                  ),
              }
          )
      ).SerializeToString()

    index = serve(
        tf.constant([
            example(4, 22, b'free'),
            example(12, 35, b'basic'),
            example(32, 50, b'business'),
            example(3, 23, b'free'),
        ])
    )['output']
    self.assertLen(set(index.numpy()), 3)
    self.assertEqual(index[0], index[3])


if __name__ == '__main__':
  tf.test.main()
