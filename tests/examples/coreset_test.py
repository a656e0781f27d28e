# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs examples/coreset.py."""

import os
import re

from absl.testing import absltest
import pytest
import tensorflow as tf

from tests.helpers import running
from tests.helpers import testing

pytestmark = pytest.mark.slow


# coreset.py, whose two processes do not import TensorFlow each for itself.
_PROGRAM = """
import multiprocessing, runpy, sys
fork = multiprocessing.get_context('fork')
multiprocessing.get_context = lambda method: fork
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


class CoresetTest(absltest.TestCase):

  def test_coreset_is_as_good_as_all_points(self):
    png = os.path.join(testing.temporary_folder(self), 'coreset.png')
    result = running.run_forked(
        *('-c', _PROGRAM),
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
