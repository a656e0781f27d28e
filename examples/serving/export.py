# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Trains a palette of sixteen colours and exports it for TensorFlow Serving.

The program clusters the colours of a photograph that scikit-learn ships. It
writes a new version of the model `palette`, with warm-up requests, which a
server sends itself before it answers its first client. It also writes the model
as palette.tflite:

    python examples/serving/export.py FOLDER
"""

import argparse
import importlib.resources
import os
import tempfile

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_log_pb2

import kmeans_estimator
from kmeans_estimator import estimator as estimator_lib

COLOURS = 16
STEPS = 50
SIGNATURES = ('serving_default', 'all_distances')
WARM_UP_ROWS = (1, 100)


def mini_batches() -> tf.data.Dataset:
  """Returns batches of pixels, float32 `[4096, 3]` from 0 to 255."""
  images = importlib.resources.files('sklearn.datasets.images')
  jpeg = tf.io.read_file(str(images / 'china.jpg'))
  pixels = tf.reshape(tf.image.decode_jpeg(jpeg, channels=3), [-1, 3])
  pixels = tf.data.Dataset.from_tensor_slices(tf.cast(pixels, tf.float32))
  return pixels.shuffle(300_000, seed=1).repeat().batch(4096)


def serving_input_receiver_fn():
  """Returns the input of a request: colours, named `rgb` in the signature."""
  rgb = tf.compat.v1.placeholder(tf.float32, [None, 3], 'rgb')
  return estimator_lib.export.ServingInputReceiver(rgb, {'rgb': rgb})


def write_warm_up_requests(path: str) -> None:
  """Writes requests that a server sends itself when it loads the model."""
  with tf.io.TFRecordWriter(path) as writer:
    for signature in SIGNATURES:
      for rows in WARM_UP_ROWS:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = 'palette'
        request.model_spec.signature_name = signature
        request.inputs['rgb'].CopyFrom(
            tf.make_tensor_proto(tf.zeros([rows, 3]))
        )
        log = prediction_log_pb2.PredictionLog(
            predict_log=prediction_log_pb2.PredictLog(request=request)
        )
        writer.write(log.SerializeToString())


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('folder', help='the folder to write the models to')
  folder = parser.parse_args().folder

  kmeans = kmeans_estimator.KMeans(
      COLOURS, initial_clusters='kmeans_plus_plus', seed=1
  )
  kmeans.train(mini_batches, steps=STEPS)
  for index, colour in enumerate(kmeans.cluster_centers()):
    print(index, colour.round().astype(int))

  with tempfile.TemporaryDirectory() as temporary:
    requests = os.path.join(temporary, 'tf_serving_warmup_requests')
    write_warm_up_requests(requests)
    path = kmeans.export_saved_model(
        os.path.join(folder, 'palette'),
        serving_input_receiver_fn,
        assets_extra={'tf_serving_warmup_requests': requests},
    )
  path = os.fsdecode(path)
  print('exported', path)

  lite = os.path.join(folder, 'palette.tflite')
  converter = tf.lite.TFLiteConverter.from_saved_model(
      path, signature_keys=['serving_default']
  )
  with open(lite, 'wb') as file:
    file.write(converter.convert())
  print('exported', lite)


if __name__ == '__main__':
  main()
