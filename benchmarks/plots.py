# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Plots of the results."""

import os
import statistics
from typing import Dict

from matplotlib import figure as figure_lib

from benchmarks import table
from benchmarks import timing

_Results = Dict[str, Dict[str, table.Result]]

# The colour of each contender.
COLOURS = {
    timing.OURS: 'tab:blue',
    'reference': 'tab:orange',
    'scikit-learn': 'tab:green',
    'faiss': 'tab:red',
    'no model': 'tab:gray',
    'near 0': 'tab:purple',
    timing.PORTABLE: 'tab:cyan',
    timing.WEIGHTED: 'tab:pink',
    timing.MATMUL: 'black',
}


def write(results: _Results, folder: str) -> None:
  """Writes `benchmarks.png` and `growth.png`, if results have such cases."""
  growth = {k: v for k, v in results.items() if k.startswith('growth/')}
  others = {k: v for k, v in results.items() if k not in growth}
  if others:
    _ratios(others, os.path.join(folder, 'benchmarks.png'))
  if growth:
    _growth(growth, os.path.join(folder, 'growth.png'))


def _ratios(results: _Results, path: str) -> None:
  """Plots each contender's time in units of ours, one line per case."""
  figure = figure_lib.Figure(figsize=(9, 1.5 + 0.35 * len(results)))
  axes = figure.subplots()
  for row, of_case in enumerate(results.values()):
    for name in of_case:
      if name == timing.OURS:
        continue
      ratios = table.ratios(of_case, name)
      middle = statistics.median(ratios)
      axes.errorbar(
          middle,
          row,
          xerr=[[middle - min(ratios)], [max(ratios) - middle]],
          fmt='o',
          capsize=3,
          color=COLOURS[name],
          label=name,
      )
  axes.axvline(1, color=COLOURS[timing.OURS])
  axes.set_xscale('log')
  axes.xaxis.set_major_formatter('{x:g}')
  axes.set_yticks(range(len(results)), list(results))
  axes.set_ylim(len(results) - 0.5, -0.5)
  axes.set_xlabel('time / ours (median, min and max); right of 1: slower')
  axes.grid(axis='x', which='both', alpha=0.3)
  handles = dict(zip(*reversed(axes.get_legend_handles_labels())))
  axes.legend(
      handles.values(), handles.keys(), loc='upper left', bbox_to_anchor=(1, 1)
  )
  _save(figure, path)


def _growth(results: _Results, path: str) -> None:
  """Plots time and memory as functions of n, of d and of k."""
  points = {}
  for case, of_case in results.items():
    axis, _, value = case.partition('/')[2].partition('=')
    for name, result in of_case.items():
      points.setdefault(axis, {}).setdefault(name, []).append((
          int(value),
          statistics.median(result.seconds) * 1e3,
          result.extra_mb,
      ))
  figure = figure_lib.Figure(figsize=(4 * len(points), 7))
  axes = figure.subplots(2, len(points), squeeze=False)
  for column, (axis, lines) in enumerate(points.items()):
    for name, line in lines.items():
      size, milliseconds, megabytes = zip(*line)
      axes[0][column].loglog(
          size, milliseconds, 'o-', color=COLOURS[name], label=name
      )
      if None not in megabytes:
        axes[1][column].semilogx(
            size, megabytes, 'o-', color=COLOURS[name], label=name
        )
    for row in range(2):
      axes[row][column].set_xlabel(axis)
      axes[row][column].set_xticks(size, size)
      axes[row][column].minorticks_off()
      axes[row][column].grid(alpha=0.3)
  axes[0][0].set_ylabel('ms per step')
  axes[1][0].set_ylabel('peak memory above the data, MB')
  axes[0][0].legend()
  _save(figure, path)


def _save(figure, path) -> None:
  figure.tight_layout()
  figure.savefig(path, dpi=120)
