"""Uses feature columns, train_and_evaluate and an export in TensorFlow 1.15.

On today's TensorFlow:

    python -m kmeans_estimator examples/migrate/columns_train_and_evaluate.py \
        --num_clusters=3 --model_dir=/tmp/customers
"""

from __future__ import absolute_import
from __future__ import division
from __future__ import print_function

import numpy as np
import tensorflow as tf

FLAGS = tf.app.flags.FLAGS
tf.app.flags.DEFINE_integer('num_clusters', 3, 'Number of clusters.')
tf.app.flags.DEFINE_integer('max_steps', 60, 'Training steps.')
tf.app.flags.DEFINE_string('model_dir', None, 'Folder for the model.')

PLANS = ['free', 'basic', 'business']


def make_customers(size, seed):
  """Returns visits, age and plan of customers of three kinds."""
  random = np.random.RandomState(seed)
  kind = random.randint(3, size=size)
  return {
      'visits': (np.array([2, 10, 30])[kind] + random.poisson(2, size)).astype(
          np.float32),
      'age': (np.array([22, 35, 50])[kind] + random.normal(0, 2, size)).astype(
          np.float32),
      'plan': np.array(PLANS)[kind],
  }


def input_fn(customers, training):
  dataset = tf.data.Dataset.from_tensor_slices(customers)
  if training:
    dataset = dataset.shuffle(1000).repeat()
  return dataset.batch(100).make_one_shot_iterator().get_next()


def main(unused_argv):
  feature_columns = [
      tf.feature_column.numeric_column(
          'visits', normalizer_fn=lambda x: x / 30),
      tf.feature_column.numeric_column('age', normalizer_fn=lambda x: x / 50),
      tf.feature_column.indicator_column(
          tf.feature_column.categorical_column_with_vocabulary_list(
              'plan', PLANS)),
  ]
  kmeans = tf.estimator.experimental.KMeans(
      num_clusters=FLAGS.num_clusters,
      initial_clusters=tf.estimator.experimental.KMeans.KMEANS_PLUS_PLUS_INIT,
      feature_columns=feature_columns,
      seed=1,
      config=tf.estimator.RunConfig(
          model_dir=FLAGS.model_dir, save_checkpoints_steps=20))

  serving_input_receiver_fn = (
      tf.estimator.export.build_parsing_serving_input_receiver_fn(
          tf.feature_column.make_parse_example_spec(feature_columns)))
  train_spec = tf.estimator.TrainSpec(
      input_fn=lambda: input_fn(make_customers(1000, seed=1), training=True),
      max_steps=FLAGS.max_steps)
  eval_spec = tf.estimator.EvalSpec(
      input_fn=lambda: input_fn(make_customers(100, seed=2), training=False),
      exporters=tf.estimator.LatestExporter(
          'customers', serving_input_receiver_fn),
      start_delay_secs=0,
      throttle_secs=0)
  metrics, exports = tf.estimator.train_and_evaluate(
      kmeans, train_spec, eval_spec)
  print('score at step %d: %.3f' % (metrics['global_step'], metrics['score']))
  print('exported to', exports[0].decode())


if __name__ == '__main__':
  tf.logging.set_verbosity(tf.logging.INFO)
  tf.app.run()
