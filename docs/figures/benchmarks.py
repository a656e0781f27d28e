# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Draws the first table of docs/benchmarks.md, for README:

    python docs/figures/benchmarks.py [--output PNG]
"""

import argparse
import pathlib
from typing import Dict, List, Tuple

from matplotlib import figure as figure_lib

_DOCS = pathlib.Path(__file__).parents[1]
_COLOURS = ('tab:orange', 'tab:green', 'tab:red', 'black')


def first_table(text: str) -> Tuple[List[str], Dict[str, List[str]]]:
  """Reads the first table of a page in Markdown.

  Returns:
    The heads of the columns but the first, and the cells by the first column.
  """
  rows = []
  for line in text.splitlines():
    if line.startswith('|'):
      rows.append([cell.strip() for cell in line.strip('|').split('|')])
    elif rows:
      break
  (_, *heads), _, *body = rows
  return heads, {name: cells for name, *cells in body}


def draw(heads: List[str], rows: Dict[str, List[str]]) -> figure_lib.Figure:
  """A line for each row, with a mark for each implementation."""
  figure = figure_lib.Figure(figsize=(8, 1.4 + 0.32 * len(rows)))
  axes = figure.subplots()
  for column, (head, colour) in enumerate(zip(heads, _COLOURS)):
    marks = [
        (float(cells[column]), y)
        for y, cells in enumerate(rows.values())
        if cells[column]
    ]
    axes.plot(*zip(*marks), 'o', color=colour, label=head)
  axes.axvline(1, color='tab:blue', label='kmeans_estimator')
  axes.set_xscale('log')
  axes.set_xticks([0.25, 0.5, 1, 2, 4, 8, 16])
  axes.xaxis.set_major_formatter('{x:g}')
  axes.minorticks_off()
  axes.set_yticks(range(len(rows)), list(rows))
  axes.set_ylim(len(rows) - 0.5, -0.5)
  axes.set_xlabel('time, in units of that of kmeans_estimator')
  axes.grid(alpha=0.3)
  axes.legend(
      loc='lower center', bbox_to_anchor=(0.4, 1), ncols=len(heads) + 1,
      frameon=False, fontsize=9, columnspacing=1, handletextpad=0.3,
  )
  figure.tight_layout()
  return figure


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
      '--output',
      type=pathlib.Path,
      default=_DOCS / 'images' / 'benchmarks.png',
      help='(%(default)s)',
  )
  path = parser.parse_args().output
  text = (_DOCS / 'benchmarks.md').read_text('utf-8')
  draw(*first_table(text)).savefig(path, dpi=120)
  print('wrote', path)


if __name__ == '__main__':
  main()
