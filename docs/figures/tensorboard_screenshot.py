# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Takes the picture of TensorBoard in docs/monitoring.md.

Trains with `ClusterSummaryHook`, starts TensorBoard and takes a screenshot with
a headless Chromium. Needs `pip install tensorboard` and the command `chromium`.

    python docs/figures/tensorboard_screenshot.py
"""

import argparse
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np

import kmeans_estimator
from kmeans_estimator import estimator
from kmeans_estimator import hooks

_PNG = pathlib.Path(__file__).parents[1] / 'images' / 'tensorboard.png'
# The histograms and scalars of the clusters only. SVG, because a worker thread
# would draw the lines after the screenshot.
_PAGE = '?tagFilter=clusters&smoothing=0&forceSVG=true#timeseries'
_SECONDS_TO_START = 600
# Of the page's own clock, which runs as fast as the page can load.
_MILLISECONDS_TO_LOAD = 40_000


def train(model_dir: str) -> None:
  """Trains in mini-batches on clusters of several sizes."""
  random = np.random.RandomState(0)
  places = random.uniform(0, 100, [32, 3])
  sizes = random.dirichlet(np.full(32, 3))
  points = places[random.choice(32, size=20_000, p=sizes)]
  points += random.normal(0, 3, points.shape)
  batches = kmeans_estimator.inputs.array_input_fn(
      points.astype(np.float32), batch_size=64, seed=0
  )
  kmeans = kmeans_estimator.KMeans(
      num_clusters=64,
      model_dir=model_dir,
      seed=1,
      config=estimator.RunConfig(save_summary_steps=10),
  )
  kmeans.train(
      batches, steps=300, hooks=[hooks.ClusterSummaryHook(5, 300)]
  )


@contextlib.contextmanager
def tensorboard(logdir: str):
  """Runs TensorBoard; gives its address."""
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  process = subprocess.Popen([
      *(sys.executable, '-m', 'tensorboard.main', '--logdir', logdir),
      *('--port', str(port), '--load_fast', 'false'),
  ])
  address = f'http://localhost:{port}/'
  try:
    end = time.monotonic() + _SECONDS_TO_START
    while True:
      try:
        with urllib.request.urlopen(address + 'data/runs') as answer:
          if answer.read().strip() not in (b'', b'[]'):
            break
      except OSError:
        pass
      if process.poll() is not None or time.monotonic() > end:
        raise RuntimeError('TensorBoard did not start, or found no summary.')
      time.sleep(1)
    yield address
  finally:
    process.terminate()
    process.wait()


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--output', default=str(_PNG), help='(%(default)s)')
  parser.add_argument('--browser', default='chromium', help='(%(default)s)')
  parser.add_argument('--page', default=_PAGE, help='(%(default)s)')
  options = parser.parse_args()
  output = os.path.abspath(options.output)
  with tempfile.TemporaryDirectory() as folder:
    train(os.path.join(folder, 'kmeans'))
    with tensorboard(folder) as address:
      subprocess.run(
          [
              *(options.browser, '--headless', '--no-sandbox', '--disable-gpu'),
              *('--hide-scrollbars', '--window-size=1500,1400'),
              f'--user-data-dir={folder}/browser',
              f'--virtual-time-budget={_MILLISECONDS_TO_LOAD}',
              f'--screenshot={output}',
              address + options.page,
          ],
          check=True,
      )
  print('wrote', output)


if __name__ == '__main__':
  main()
