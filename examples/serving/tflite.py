# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Queries the palette in TensorFlow Lite, as a phone does.

    python examples/serving/tflite.py FOLDER/palette.tflite 174,201,231 61,58,23
"""

import argparse

import numpy as np
import tensorflow as tf


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('model', help='the .tflite file')
  parser.add_argument('row', nargs='+', help='a point, such as 61,58,23')
  args = parser.parse_args()
  rows = [[float(x) for x in row.split(',')] for row in args.row]

  interpreter = tf.lite.Interpreter(args.model)
  ask = interpreter.get_signature_runner('serving_default')
  print(ask(rgb=np.float32(rows))['output'])


if __name__ == '__main__':
  main()
