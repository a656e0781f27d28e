# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes the XLA program of a full-batch step, and its expected results.

    python -m benchmarks.gpu.export FOLDER [--size NxDxK ...]

Needs TensorFlow, but no GPU. The program is the HLO that XLA generates from the
training op of a full-batch model, before XLA optimizes it for a device. The
expected results come from TensorFlow's CPU kernels, without XLA.
`benchmarks.gpu.run` runs the program on a machine with a GPU.
"""

import argparse
import os
from typing import List, Optional, Sequence
from unittest import mock

import numpy as np
import tensorflow as tf

from benchmarks import data
from benchmarks.gpu import files
from kmeans_estimator.ops import clustering_ops

SIZES = ('500000x100x500', '2000000x128x1024')


def export(folder: str, size: files.Size) -> None:
  """Writes the programs and the expected results of one size.

  Args:
    folder: the folder to write to.
    size: the size of the points and centers.
  """
  points, centers = data.clusters(*size)
  os.makedirs(folder, exist_ok=True)
  for precision in files.PRECISIONS:
    # Sets the precision that the HLO requests for each matrix product.
    tf.config.experimental.enable_tensor_float_32_execution(
        precision == files.DEFAULT
    )
    # Pretend that this machine has a GPU: blocks of points are larger then.
    with mock.patch.object(
        tf.config, 'list_physical_devices', lambda kind: [kind]
    ):
      step, _ = _step(points, centers, compiled=True)
    with open(files.hlo_path(folder, size, precision), 'wb') as f:
      f.write(step.experimental_get_compiler_ir(points)(stage='hlo_serialized'))
  step, clusters = _step(points, centers, compiled=False)
  points = tf.constant(points)
  losses = [step(points)[0].numpy() for _ in range(files.STEPS)]
  np.savez(
      files.expected_path(folder, size),
      losses=losses,
      clusters=clusters.numpy(),
      # A point, to check in `run` that NumPy draws the same points there.
      point=points[-1],
  )


def _step(points, centers, compiled):
  """Returns a function that runs a step, and the variable of the centers.

  The function returns the loss of the step.
  """
  built = []

  def build(batch):
    built.append(
        clustering_ops.KMeans(
            batch, len(centers), initial_clusters=centers
        ).training()
    )

  graph = tf.compat.v1.wrap_function(
      build, [tf.TensorSpec(points.shape, points.dtype)]
  )
  [(state, inference, init_op, training_op)] = built
  graph.prune(graph.inputs[0], init_op)(tf.constant(points))
  step = graph.prune(graph.inputs[0], [inference.loss, training_op])
  return (
      # pylint: disable-next=unnecessary-lambda
      tf.function(lambda batch: step(batch), jit_compile=compiled),
      state.clusters,
  )


def main(arguments: Optional[Sequence[str]] = None) -> None:
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument('folder', help='the folder to write to')
  parser.add_argument(
      '--size',
      action='append',
      type=files.Size.parse,
      help='rows x columns x centers; repeat this option for more sizes. '
      'Default: ' + ', '.join(SIZES),
  )
  options = parser.parse_args(arguments)
  sizes: List[files.Size] = options.size or [
      files.Size.parse(size) for size in SIZES
  ]
  for size in sizes:
    export(options.folder, size)


if __name__ == '__main__':
  main()
