# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes the golden checkpoints, with the reference in TensorFlow 2.15.

  python tests/testdata/make_golden.py

Each folder is a model directory of the reference. It holds the latest
checkpoint, the arguments of the constructor and, for a trained model, the
reference's predictions for `points.npy`. `batches.npy` holds the batches that
the models were trained with, and batches to continue training with.
"""

import json
import os
import shutil
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow.python.ops import clustering_ops  # pylint: disable=g-direct-tensorflow-import

K, D = 4, 3
FULL_BATCH = dict(use_mini_batch=False)
MINI_BATCH = dict(use_mini_batch=True, mini_batch_steps_per_iteration=1)
THREE_STEPS = dict(use_mini_batch=True, mini_batch_steps_per_iteration=3)
COSINE = dict(distance_metric='cosine')

# Maps a name to the arguments of the constructor and the number of steps.
TRAINED = {
    'full_batch': (FULL_BATCH, 2),
    'mini_batch': (MINI_BATCH, 3),
    'three_steps_mid_iteration': (THREE_STEPS, 5),
    # The reference copies the centers only at the start of the fourth step.
    'three_steps_copy_pending': (THREE_STEPS, 3),
    'cosine_full_batch': ({**FULL_BATCH, **COSINE}, 2),
    'cosine_mini_batch': ({**MINI_BATCH, **COSINE}, 3),
    'cosine_three_steps_copy_pending': ({**THREE_STEPS, **COSINE}, 3),
}


def make_data():
  random = np.random.RandomState(20)
  middle = random.uniform(-5, 5, [K, D])
  sizes = [8, 16, D]
  batches = middle[random.randint(0, K, sizes[:2])] + random.normal(0, 1, sizes)
  points = middle[random.randint(0, K, 12)] + random.normal(0, 1, [12, D])
  return np.float32(batches), np.float32(points)


def copy_checkpoint(prefix, folder):
  """Copies the variables, but not the graph and the absolute paths."""
  os.makedirs(folder)
  for suffix in ('.index', '.data-00000-of-00001'):
    shutil.copyfile(
        prefix + suffix, os.path.join(folder, os.path.basename(prefix) + suffix)
    )


def write_arguments(folder, arguments):
  with open(os.path.join(folder, 'arguments.json'), 'w') as f:
    json.dump({'num_clusters': K, **arguments}, f, indent=2)
    f.write('\n')


def write_trained(folder, arguments, steps, batches, points):
  with tempfile.TemporaryDirectory() as model_dir:
    kmeans = tf.compat.v1.estimator.experimental.KMeans(
        K, model_dir, initial_clusters=batches[0, :K], **arguments
    )
    # Without a number of steps the reference would count one step too many.
    kmeans.train(
        lambda: tf.data.Dataset.from_tensor_slices(batches), steps=steps
    )
    copy_checkpoint(kmeans.latest_checkpoint(), folder)

    def ask():
      return tf.data.Dataset.from_tensors(points)

    answers = list(kmeans.predict(ask))
    score = kmeans.score(ask)
  write_arguments(folder, arguments)
  np.savez(
      os.path.join(folder, 'answers.npz'),
      score=score,
      **{key: [row[key] for row in answers] for key in answers[0]},
  )


def write_untrained(folder, arguments, init_steps, rows, batches):
  """Writes a checkpoint of a model that has not yet chosen all centers."""
  with tf.Graph().as_default(), tempfile.TemporaryDirectory() as model_dir:
    tf.compat.v1.train.create_global_step()
    _, _, _, _, init_op, _ = clustering_ops.KMeans(
        tf.constant(batches[0, :rows]), K, random_seed=1, **arguments
    ).training_graph()
    saver = tf.compat.v1.train.Saver()
    with tf.compat.v1.Session() as session:
      session.run(tf.compat.v1.global_variables_initializer())
      for _ in range(init_steps):
        session.run(init_op)
      prefix = os.path.join(model_dir, 'model.ckpt')
      copy_checkpoint(saver.save(session, prefix, global_step=0), folder)
  write_arguments(folder, arguments)


def main():
  here = os.path.dirname(os.path.abspath(__file__))
  batches, points = make_data()
  np.save(os.path.join(here, 'batches.npy'), batches)
  np.save(os.path.join(here, 'points.npy'), points)
  for entry in os.scandir(here):
    if entry.is_dir():
      shutil.rmtree(entry.path)
  for name, (arguments, steps) in TRAINED.items():
    write_trained(
        os.path.join(here, name), arguments, steps, batches, points
    )
  for name, arguments in (('', MINI_BATCH), ('three_steps_', THREE_STEPS)):
    for moment, init_steps in (('before', 0), ('during', 1)):
      write_untrained(
          os.path.join(here, f'{name}{moment}_initialization'),
          arguments,
          init_steps,
          K // 2,
          batches,
      )


if __name__ == '__main__':
  main()
