# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of the gallery, and looks at what they draw."""

import ast
import colorsys
import os
import pathlib
import re

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import running
from tests.helpers import testing

pytestmark = pytest.mark.slow

_GALLERY = pathlib.Path(running.ROOT, 'examples', 'gallery')
_PICTURES = pathlib.Path(running.ROOT, 'docs', 'images', 'gallery')
# Readers of the documentation load all of them.
_MAX_BYTES = 200_000


def _programs():
  return sorted(path.stem for path in _GALLERY.glob('*.py'))


def _image(path):
  return tf.image.decode_png(tf.io.read_file(str(path)), channels=3).numpy()


class ProgramsTest(absltest.TestCase):

  def _run(self, name):
    """Runs a program; returns what it prints, but for the last line."""
    png = os.path.join(testing.temporary_folder(self), 'picture.png')
    result = running.run_forked(
        str(_GALLERY / f'{name}.py'), '--output', png
    )
    self.assertEqual(result.status, 0, result.err)
    *lines, last = result.out.splitlines()
    self.assertEqual(last, f'wrote {png}')
    self.assertLess(os.path.getsize(png), _MAX_BYTES)
    # Of the size of the one in the documentation, give or take a pixel, and no
    # blank sheet.
    image, committed = _image(png), _image(_PICTURES / f'{name}.png')
    np.testing.assert_allclose(image.shape, committed.shape, atol=2)
    self.assertGreater(len(np.unique(image.reshape(-1, 3), axis=0)), 10)
    return lines

  def _score(self, line):
    return float(re.search(r'score ([\d.]+)', line)[1])

  def test_photograph_colours_finds_16_colours_by_share(self):
    *palette, score = self._run('photograph_colours')
    self.assertLessEqual(self._score(score), 1460)
    self.assertLen(palette, 16)
    shares = [float(line.split()[1].rstrip('%')) for line in palette]
    self.assertEqual(shares, sorted(shares, reverse=True))
    self.assertAlmostEqual(sum(shares), 100, delta=1)
    # The roofs are orange.
    rgb = [
        [int(line[i : i + 2], 16) / 255 for i in (1, 3, 5)] for line in palette
    ]
    self.assertTrue(
        any(
            10 < 360 * hue < 40 and saturation > 0.4 and value > 0.6
            for hue, saturation, value in (colorsys.rgb_to_hsv(*c) for c in rgb)
        ),
        palette,
    )

  def test_handwritten_digits_matches_75_percent_of_labels(self):
    *starts, share = self._run('handwritten_digits')
    self.assertLen(starts, 4)
    self.assertGreater(float(share.partition('%')[0]), 75)

  def test_plane_regions_reaches_a_low_score(self):
    steps, score = self._run('plane_regions')
    self.assertRegex(steps, r'^centers came to rest after \d+ steps$')
    # The best that there is; about 3630 is the score of the true centers.
    self.assertLess(self._score(score), 3800)

  def test_choosing_k_finds_5(self):
    *lines, best = self._run('choosing_k')
    self.assertEqual(best, 'best k: 5')
    scores = [self._score(line) for line in lines]
    self.assertEqual(scores, sorted(scores, reverse=True))

  def test_stream_lowers_the_score(self):
    [line] = self._run('stream')
    first, last = map(int, re.findall(r'\d+', line))
    self.assertLess(last, first)


class PagesTest(parameterized.TestCase):

  @parameterized.parameters(_programs())
  def test_docstring_has_the_command_and_picture_is_small(self, name):
    source = (_GALLERY / f'{name}.py').read_text('utf-8')
    docstring = ast.get_docstring(ast.parse(source))
    self.assertIn(
        f'    python examples/gallery/{name}.py --output picture.png', docstring
    )
    self.assertLess((_PICTURES / f'{name}.png').stat().st_size, _MAX_BYTES)

  def test_each_program_is_run_and_each_picture_has_a_program(self):
    tests = [name for name in dir(ProgramsTest) if name.startswith('test_')]
    self.assertLen(tests, len(_programs()))
    for program in _programs():
      self.assertTrue(
          any(name.startswith(f'test_{program}_') for name in tests), program
      )
    self.assertCountEqual(
        [path.stem for path in _PICTURES.iterdir()], _programs()
    )


if __name__ == '__main__':
  absltest.main()
