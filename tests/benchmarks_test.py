# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that the benchmarks run, and that their numbers are correct."""

import contextlib
import os
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from benchmarks import cases
from benchmarks import data
from benchmarks import plots
from benchmarks import table
from benchmarks import timing
from tests.helpers import running
from tests.helpers import testing

# `python -m benchmarks` without repeated calls, and with a new process for the
# peak memory of this package only.
_QUICK_COMMAND = """
from benchmarks import __main__, memory, timing
timing._SECONDS_PER_ROUND = 0
memory._KEEP_MEMORY = (timing.OURS,)
__main__.main()
"""


@pytest.mark.slow
class CommandTest(absltest.TestCase):

  def test_writes_a_table_and_plots(self):
    folder = testing.temporary_folder(self)
    text = ''
    for arguments in ('lloyd/500x2',), ('growth/n=12500', '--no-memory'):
      result = running.run_forked(
          *('-c', _QUICK_COMMAND, *arguments, '--rounds=2'),
          *('--output', folder), cwd=running.ROOT,
      )  # pyformat: disable
      self.assertEqual(result.status, 0, result.err)
      with open(os.path.join(folder, 'benchmarks.md'), encoding='utf-8') as f:
        text += f.read()
    self.assertContainsSubset(
        ['benchmarks.md', 'benchmarks.png', 'growth.png'], os.listdir(folder)
    )
    for row in (
        r'\| lloyd/500x2,k=5 \| ours \| [\d.]+ ms \|  \| \d+ MB \| nodes \d+ ',
        r'\| lloyd/500x2,k=5 \| reference \| [\d.]+ ms \| [\d.]+ \([\d.]+ to ',
        r'\| lloyd/500x2,k=5 \| scikit-learn \| ',
        r'\| lloyd/500x2,k=5 \| faiss \| ',
        r'\| growth/n=12500 \| reference \| ',
    ):
      self.assertRegex(text, row)

  def test_plots_have_a_colour_for_every_contender(self):
    for name in 'shift/10k', 'train/500x2', 'import':
      ((_, make),) = cases.matching([name]).items()
      self.assertContainsSubset(make(), plots.COLOURS)

  def test_refuses_an_unknown_case(self):
    with self.assertRaisesRegex(ValueError, "'lloid'; there are lloyd/500x2"):
      cases.matching(['lloyd', 'lloid'])


@pytest.mark.slow
class CasesTest(parameterized.TestCase):

  @parameterized.parameters(
      'train/500x2', 'score/500x2', 'mini_batch/256', 'kmeans++/10k',
      'kmc2/200x20', 'tolerance/10k',
  )  # pyformat: disable
  def test_contenders_run_and_reach_similar_inertia(self, beginning):
    ((_, make),) = cases.matching([beginning]).items()
    contenders = make()
    inertia = {}
    for name, contender in contenders.items():
      contender.run()
      inertia[name] = contender.facts().get('inertia', 1)
    self.assertContainsSubset([timing.OURS, 'reference'], contenders)
    best = min(inertia.values())
    for name, value in inertia.items():
      self.assertLess(value, 1.2 * best, name)


class MeasureTest(absltest.TestCase):

  def test_contenders_take_turns(self):
    calls = []

    @contextlib.contextmanager
    def around():
      calls.append('(')
      yield
      calls.append(')')

    contenders = {
        timing.OURS: timing.Contender(lambda: calls.append('a')),
        'b': timing.Contender(lambda: calls.append('b'), around=around),
    }
    # A call takes five seconds: too long to be repeated within a round.
    clock = iter(range(0, 10**6, 5))
    with mock.patch.object(timing.time, 'perf_counter', lambda: next(clock)):
      seconds = timing.measure(contenders, rounds=4, seconds=1000)
      self.assertEqual(''.join(calls), 'aa(bb)' + 'a(b)(b)a' * 2)
      self.assertEqual(seconds, {timing.OURS: [5] * 4, 'b': [5] * 4})
      seconds = timing.measure(contenders, rounds=9, seconds=1)
      self.assertEqual(seconds, {timing.OURS: [5] * 3, 'b': [5] * 3})

  def test_ratios_are_of_one_round(self):
    results = {
        timing.OURS: table.Result([1.0, 2.0, 4.0], None, {'nodes': 3}),
        'b': table.Result([2.0, 2.0, 40.0], 12.3, {'rows': 10}),
    }
    self.assertEqual(table.ratios(results, 'b'), [2, 1, 10])
    self.assertEqual(
        table.rows('case', results),
        '| case | ours | 2 s |  |  | nodes 3 |\n'
        '| case | b | 2 s | 2.00 (1.00 to 10.00) | 12 MB | 5 rows/s |',
    )

  def test_inertia_equals_numpy(self):
    points, centers = data.clusters(25_000, 3, 4)
    distances = np.square(points[:, None] - centers).sum(-1, dtype=np.float64)
    np.testing.assert_allclose(
        data.inertia(points, centers), distances.min(1).sum(), rtol=1e-6
    )


if __name__ == '__main__':
  absltest.main()
