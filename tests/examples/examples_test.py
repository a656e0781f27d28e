# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the first examples that a user meets."""

import os
import re

from absl.testing import absltest
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import running
from tests.helpers import testing

pytestmark = pytest.mark.slow


def scores(output: str) -> list:
  return [float(number) for number in re.findall(r'score:? ([\d.e+]+)', output)]


class ExamplesTest(absltest.TestCase):

  def test_quickstart(self):
    folder = testing.temporary_folder(self)
    script = os.path.join(running.ROOT, 'examples', 'quickstart.py')
    result = running.run_forked(script, cwd=folder)
    self.assertEqual(result.status, 0, result.err)
    self.assertLen(scores(result.out), 6)
    self.assertLess(scores(result.out)[-1], scores(result.out)[0])
    png = tf.io.read_file(os.path.join(folder, 'quickstart.png'))
    image = tf.image.decode_png(png).numpy().astype(float)
    self.assertEqual(image.shape, (427, 1280, 3))
    original, drawn = image[:, :640], image[:, 640:]
    self.assertLen(np.unique(drawn.reshape(-1, 3), axis=0), 16)
    # One grey for all pixels is 86 away from them.
    self.assertLess(np.sqrt(np.square(drawn - original).mean()), 20)

  def test_coreset_is_as_good_as_all_points(self):
    png = os.path.join(testing.temporary_folder(self), 'coreset.png')
    result = running.run_forked(
        os.path.join(running.ROOT, 'examples', 'coreset.py'),
        *('--output', png, '--shards', '3', '--rows', '2000'),
    )
    self.assertEqual(result.status, 0, result.err)
    all_points, coreset = (
        float(re.search(rf'\| {way} \|.*\| (\S+) \|', result.out)[1])
        for way in ('all points at once', 'coreset of shards')
    )
    self.assertLess(coreset, 1.05 * all_points)
    image = tf.image.decode_png(tf.io.read_file(png))
    self.assertEqual(image.shape[:2], (450, 900))


if __name__ == '__main__':
  absltest.main()
