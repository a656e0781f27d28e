# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs and times an exported full-batch step on the device of JAX.

    python -m benchmarks.gpu.run FOLDER [--table FILE]

Needs NumPy and JAX, but not TensorFlow. FOLDER is the output of
`benchmarks.gpu.export`. The benchmark first runs a few steps of each exported
program, and compares the results with those of TensorFlow on a CPU. Then it
times a step of the program, a step of PyTorch and a step of flash-kmeans. It
skips a library that is not installed.
"""

import argparse
import glob
import os
import platform
import re
import statistics
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import jax
import numpy as np

from benchmarks import data
from benchmarks import timing
from benchmarks.gpu import files

try:
  import torch
except ImportError:
  torch = None
try:
  import flash_kmeans
except ImportError:
  flash_kmeans = None

# Rows in a block of PyTorch's step. It limits the memory for distances.
_BLOCK_ROWS = 2**18
_HEAD = """\
| points x columns x centers | contender | step | its time / ours: median (min \
to max) | loss, centers: relative difference to TensorFlow's CPU kernels |
| --- | --- | --- | --- | --- |
"""


class Program:
  """A step that XLA compiles for the device, and the centers it updates."""

  def __init__(self, path: str, points: jax.Array, centers: np.ndarray):
    """Compiles a program.

    Args:
      path: the file of a serialized HloModuleProto. The program takes the
        points, the centers and `initialized`, and returns the loss and the new
        centers.
      points: `[n, d]`.
      centers: `[k, d]`, the initial centers.
    """
    # JAX has no public function that loads an HLO program.
    from jax._src.lib import _jax  # pylint: disable=g-import-not-at-top
    from jax._src.lib import xla_client  # pylint: disable=g-import-not-at-top

    with open(path, 'rb') as f:
      stablehlo = _jax.mlir.hlo_to_stablehlo(f.read())
    [device] = points.devices()
    self._executable = device.client.compile_and_load(
        stablehlo,
        xla_client.DeviceList((device,)),
        xla_client.CompileOptions(),
    )
    self._points = points
    self._initialized = jax.device_put(np.array(True), device)
    self._centers = jax.device_put(centers, device)

  def step(self) -> jax.Array:
    """Runs a step, which updates the centers; returns the loss."""
    results = self._executable.execute_sharded(
        # The program writes the new centers into the buffer of the old centers.
        [self._points, self._centers, self._initialized]
    ).disassemble_into_single_device_arrays()
    loss, self._centers = (shards[0] for shards in results)
    return loss

  def centers(self) -> np.ndarray:
    return np.array(self._centers)


def _differences(program: Program, expected) -> Tuple[float, float]:
  """Returns the differences to the expected losses and centers.

  The differences of losses are relative. The differences of centers are in
  units of the standard deviation of all coordinates of the centers.
  """
  losses = np.array([float(program.step()) for _ in range(files.STEPS)])
  spread = np.std(expected['clusters'])
  return (
      np.max(np.abs(losses / expected['losses'] - 1)),
      np.max(np.abs(program.centers() - expected['clusters'])) / spread,
  )


def _torch_step(points, centers, tf32: bool) -> Callable[[], None]:
  """Returns a full-batch step in plain PyTorch."""
  device = 'cuda' if torch.cuda.is_available() else 'cpu'
  points = torch.from_numpy(points).to(device)
  state = {'centers': torch.from_numpy(centers).to(device)}

  def step():
    torch.backends.cuda.matmul.allow_tf32 = tf32
    centers = state['centers']
    squares = centers.square().sum(1)
    sums = torch.zeros_like(centers)
    counts = torch.zeros_like(squares)
    for block in points.split(_BLOCK_ROWS):
      nearest = torch.addmm(squares, block, centers.T, alpha=-2).argmin(1)
      sums.index_add_(0, nearest, block)
      counts += torch.bincount(nearest, minlength=len(centers))
    state['centers'] = sums / (counts + 1e-6).unsqueeze(1)
    _wait(device)

  return step


def _flash_kmeans_step(points, centers) -> Callable[[], None]:
  device = 'cuda' if torch.cuda.is_available() else 'cpu'
  points = torch.from_numpy(points).to(device).unsqueeze(0)
  state = {'centers': torch.from_numpy(centers).to(device).unsqueeze(0)}

  def step():
    _, state['centers'], _ = flash_kmeans.batch_kmeans_Euclid(
        points,
        centers.shape[0],
        max_iters=1,
        tol=-1.0,
        init_centroids=state['centers'],
    )
    _wait(device)

  return step


def _wait(device):
  if device == 'cuda':
    torch.cuda.synchronize()


def _measure(
    folder: str, size: files.Size, rounds: int
) -> Tuple[Dict[str, List[float]], Dict[str, Tuple[float, float]]]:
  """Returns seconds by contender and round, and `_differences` by program."""
  points, centers = data.clusters(*size)
  expected = np.load(files.expected_path(folder, size))
  np.testing.assert_array_equal(
      points[-1],
      expected['point'],
      'NumPy draws different points here than at the export: use one version.',
  )
  on_device = jax.device_put(points)
  contenders, differences = {}, {}
  for precision in files.PRECISIONS:
    program = Program(
        files.hlo_path(folder, size, precision), on_device, centers
    )
    name = timing.OURS
    if precision != files.DEFAULT:
      name += f', {precision}'
    differences[name] = _differences(program, expected)
    contenders[name] = timing.Contender(
        lambda program=program: program.step().block_until_ready()
    )
  if torch:
    contenders['PyTorch, float32'] = timing.Contender(
        _torch_step(points, centers, tf32=False)
    )
    if torch.cuda.is_available():
      contenders['PyTorch, TF32'] = timing.Contender(
          _torch_step(points, centers, tf32=True)
      )
  if flash_kmeans:
    contenders['flash-kmeans'] = timing.Contender(
        _flash_kmeans_step(points, centers)
    )
  return timing.measure(contenders, rounds, seconds=60), differences


def _rows(size, seconds, differences) -> str:
  lines = []
  for name, of_name in seconds.items():
    ratios = [
        other / ours for other, ours in zip(of_name, seconds[timing.OURS])
    ]
    cells = [
        str(size),
        name,
        f'{statistics.median(of_name) * 1e3:.3g} ms',
        f'{statistics.median(ratios):.2f} '
        f'({min(ratios):.2f} to {max(ratios):.2f})',
        ', '.join(f'{x:.1e}' for x in differences.get(name, ())),
    ]
    lines.append('| ' + ' | '.join(cells) + ' |\n')
  return ''.join(lines)


def _machine() -> str:
  device = jax.devices()[0]
  versions = [f'Python {platform.python_version()}', f'JAX {jax.__version__}']
  versions += [
      f'{library.__name__} {library.__version__}'
      for library in (torch, flash_kmeans)
      if library
  ]
  return f'{device.platform}: {device.device_kind}. ' + ', '.join(versions)


def main(arguments: Optional[Sequence[str]] = None) -> None:
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument('folder', help='the output of benchmarks.gpu.export')
  parser.add_argument(
      '--rounds', type=int, default=10, help='rounds per size (%(default)s)'
  )
  parser.add_argument('--table', help='a Markdown file to write')
  options = parser.parse_args(arguments)
  jax.config.update('jax_enable_x64', True)
  table = f'{_machine()}.\n\n{_HEAD}'
  paths = glob.glob(os.path.join(options.folder, 'lloyd_*.npz'))
  sizes = [re.search(r'lloyd_(\w+)\.npz', path).group(1) for path in paths]
  for size in sorted(map(files.Size.parse, sizes)):
    table += _rows(size, *_measure(options.folder, size, options.rounds))
  print(table)
  if options.table:
    with open(options.table, 'w', encoding='utf-8') as f:
      f.write(table)


if __name__ == '__main__':
  main()
