# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Markdown tables of the results."""

import dataclasses
import os
import platform
import statistics
from typing import Any, Dict, List, Optional

import numpy as np
import tensorflow as tf

from benchmarks import optional
from benchmarks import timing

_HEAD = """\
| case | contender | median | its time / ours: median (min to max) | \
peak memory | notes |
| --- | --- | --- | --- | --- | --- |
"""


@dataclasses.dataclass
class Result:
  """The result of a contender in a case.

  Attributes:
    seconds: for each round, the seconds per call.
    extra_mb: peak memory of one call; None if it is unknown.
    facts: see `timing.Contender`.
  """

  seconds: List[float]
  extra_mb: Optional[float]
  facts: Dict[str, Any]


def ratios(results: Dict[str, Result], name: str) -> List[float]:
  """Returns, for each round, a contender's time in units of ours."""
  return [
      other / ours
      for other, ours in zip(
          results[name].seconds, results[timing.OURS].seconds
      )
  ]


def rows(case: str, results: Dict[str, Result]) -> str:
  """Returns the table rows of one case."""
  lines = []
  for name, result in results.items():
    ratio = ''
    if name != timing.OURS:
      values = ratios(results, name)
      ratio = (
          f'{statistics.median(values):.2f} '
          f'({min(values):.2f} to {max(values):.2f})'
      )
    median = statistics.median(result.seconds)
    cells = (
        case,
        name,
        _time(median),
        ratio,
        _memory(result.extra_mb),
        ', '.join(_fact(*item, median) for item in result.facts.items()),
    )
    lines.append('| ' + ' | '.join(cells) + ' |')
  return '\n'.join(lines)


def write(results: Dict[str, Dict[str, Result]], path: str) -> None:
  """Writes the table of all cases, with the machine and the versions."""
  with open(path, 'w', encoding='utf-8') as f:
    f.write(f'{_machine()}\n\n{_HEAD}')
    for case, of_case in results.items():
      f.write(rows(case, of_case) + '\n')


def _time(seconds: float) -> str:
  return f'{seconds:.3g} s' if seconds >= 1 else f'{seconds * 1e3:.3g} ms'


def _memory(megabytes: Optional[float]) -> str:
  return '' if megabytes is None else f'{megabytes:.0f} MB'


def _fact(name: str, value: Any, seconds: float) -> str:
  if name == 'rows':
    return f'{value / seconds:.3g} rows/s'
  if isinstance(value, float):
    value = f'{value:.4g}' if value < 1e4 else f'{value:.6g}'
  return f'{name} {value}'


def _machine() -> str:
  versions = [
      f'Python {platform.python_version()}',
      f'TensorFlow {tf.__version__}',
      f'NumPy {np.__version__}',
  ]
  if optional.sklearn:
    versions.append(f'scikit-learn {optional.sklearn.__version__}')
  if optional.faiss:
    versions.append(f'faiss {optional.faiss.__version__}')
  return f'{os.cpu_count()} cores, ' + ', '.join(versions) + '.'
