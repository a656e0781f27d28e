# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests exports: signatures equal to the reference's, and lean graphs."""

import functools
import itertools
import os
import tempfile

from absl.testing import parameterized
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import kernels

import kmeans_estimator
from kmeans_estimator import estimator as estimator_lib
from kmeans_estimator.ops import native
from tests.helpers import numpy_model
from tests.helpers import testing
from tests.serving import exports

TRAIN = estimator_lib.ModeKeys.TRAIN
EVAL = estimator_lib.ModeKeys.EVAL
PREDICT = estimator_lib.ModeKeys.PREDICT
TAGS = {TRAIN: 'train', EVAL: 'eval', PREDICT: 'serve'}

# Feature columns that give the exports.D = 4 columns of the checkpoint.
_COLUMNS = [
    tf.feature_column.numeric_column('colour', shape=[3]),
    tf.feature_column.numeric_column('size'),
]
# Types of nodes that only restore, save or initialise the variables.
_PLUMBING = {
    'AssignVariableOp', 'Const', 'Identity', 'NoOp', 'PlaceholderWithDefault',
    'ReadVariableOp', 'RestoreV2', 'SaveV2', 'VarHandleOp',
    'VarIsInitializedOp',
}  # pyformat: disable


def _tensor():
  points = tf.compat.v1.placeholder(tf.float32, [None, exports.D])
  return estimator_lib.export.TensorServingInputReceiver(points, points)


def _dict():
  features = {
      'colour': tf.compat.v1.placeholder(tf.float32, [None, 3]),
      'size': tf.compat.v1.placeholder(tf.float32, [None, 1]),
  }
  return estimator_lib.export.ServingInputReceiver(features, features)


def _raw():
  return estimator_lib.export.build_raw_serving_input_receiver_fn(
      {'points': tf.compat.v1.placeholder(tf.float32, [None, exports.D])}
  )()


def _parsing():
  return estimator_lib.export.build_parsing_serving_input_receiver_fn(
      tf.compat.v1.feature_column.make_parse_example_spec(_COLUMNS)
  )()


def _supervised():
  return estimator_lib.experimental.build_raw_supervised_input_receiver_fn(
      {'points': tf.compat.v1.placeholder(tf.float32, [None, exports.D])},
      {'label': tf.compat.v1.placeholder(tf.int64, [None])},
  )()


_RECEIVERS = dict(
    tensor=(_tensor, None),
    dict=(_dict, None),
    raw=(_raw, None),
    examples=(_parsing, _COLUMNS),
)
_EXPORTS = {
    'export_saved_model': lambda kmeans, folder, fn: kmeans.export_saved_model(
        folder, fn
    ),
    'export_savedmodel': lambda kmeans, folder, fn: kmeans.export_savedmodel(
        folder, fn
    ),
    'experimental_mode': lambda kmeans, folder, fn: kmeans.export_saved_model(
        folder, fn, experimental_mode=PREDICT
    ),
    'experimental_export_all_saved_models': (
        lambda kmeans, folder, fn: kmeans.experimental_export_all_saved_models(
            folder, {PREDICT: fn}
        )
    ),
}


@functools.lru_cache(maxsize=None)
def _saved_model(kmeans_class, receiver):
  """Returns the folder of a SavedModel for predictions."""
  receiver_fn, columns = _RECEIVERS[receiver]
  kmeans = exports.model(kmeans_class=kmeans_class, feature_columns=columns)
  return os.fsdecode(
      kmeans.export_saved_model(tempfile.mkdtemp(), receiver_fn)
  )


@functools.lru_cache(maxsize=None)
def _reference_modes(*modes):
  """Returns the graphs of modes that the reference exports."""
  kmeans = exports.model(kmeans_class=testing.ReferenceKMeans)
  return exports.meta_graphs(
      kmeans.experimental_export_all_saved_models(
          tempfile.mkdtemp(), dict.fromkeys(modes, _raw)
      )
  )


def _inputs(infos):
  """Returns names, dtypes and shapes of the inputs that a client sends."""
  return {
      name: (info.dtype, str(tf.TensorShape(info.tensor_shape)))
      for name, info in infos.items()
  }


def _dtypes(infos):
  return {name: info.dtype for name, info in infos.items()}


def _shapes(infos):
  return {
      name: [size.size for size in info.tensor_shape.dim]
      for name, info in infos.items()
      if not info.tensor_shape.unknown_rank
  }


class ExportTest(parameterized.TestCase):

  def assert_same_signatures(self, ours, reference):
    self.assertCountEqual(ours, reference)
    for tags, graph in reference.items():
      actual = ours[tags].signature_def
      self.assertCountEqual(actual, graph.signature_def)
      for key, signature in graph.signature_def.items():
        self.assertEqual(actual[key].method_name, signature.method_name)
        self.assertEqual(_inputs(actual[key].inputs), _inputs(signature.inputs))
        self.assertEqual(
            _dtypes(actual[key].outputs), _dtypes(signature.outputs)
        )


class ServingSignaturesTest(ExportTest):

  @parameterized.product(receiver=tuple(_RECEIVERS), method=tuple(_EXPORTS))
  def test_signatures_equal_those_of_the_reference(self, receiver, method):
    receiver_fn, columns = _RECEIVERS[receiver]
    ours = exports.meta_graphs(
        _EXPORTS[method](
            exports.model(feature_columns=columns),
            testing.temporary_folder(self),
            receiver_fn,
        )
    )
    # All methods of the reference export the same signatures.
    reference = exports.meta_graphs(
        _saved_model(testing.ReferenceKMeans, receiver)
    )
    self.assert_same_signatures(ours, reference)
    (graph,) = ours.values()
    index = graph.signature_def['cluster_index']
    self.assertEqual(graph.signature_def['serving_default'], index)
    self.assertEqual(_shapes(index.outputs), {'output': [-1]})
    self.assertEqual(
        _shapes(graph.signature_def['all_distances'].outputs),
        {'output': [-1, exports.K]},
    )

  @parameterized.parameters(*_RECEIVERS)
  def test_answers_equal_those_of_the_reference(self, receiver):
    points = exports.points(100)
    fed = dict(
        tensor=dict(input=points),
        dict=dict(colour=points[:, :3], size=points[:, 3:]),
        raw=dict(points=points),
        examples=dict(examples=[_example(*row) for row in points]),
    )[receiver]
    ours, reference = (
        tf.saved_model.load(_saved_model(kmeans_class, receiver)).signatures
        for kmeans_class in (kmeans_estimator.KMeans, testing.ReferenceKMeans)
    )
    for key in exports.SIGNATURES:
      actual, expected = (
          signatures[key](
              **{name: tf.constant(value) for name, value in fed.items()}
          )['output']
          for signatures in (ours, reference)
      )
      np.testing.assert_allclose(actual, expected, 1e-4, 1e-4)

  @parameterized.parameters(*exports.METRICS)
  def test_answers_equal_those_of_the_reference_on_many_rows(self, metric):
    # Both implementations export the same checkpoint.
    points = exports.points(10_000, seed=3)
    ours, reference = (
        tf.saved_model.load(
            exports.saved_model(metric, kmeans_class=kmeans_class)
        ).signatures
        for kmeans_class in (kmeans_estimator.KMeans, testing.ReferenceKMeans)
    )
    distances, index = (
        [
            signatures[key](points=tf.constant(points))['output'].numpy()
            for signatures in (ours, reference)
        ]
        for key in exports.SIGNATURES
    )
    np.testing.assert_allclose(*distances, 1e-4, 1e-4)
    np.testing.assert_array_equal(*index)


def _example(*row):
  features = {
      name: tf.train.Feature(float_list=tf.train.FloatList(value=value))
      for name, value in (('colour', row[:3]), ('size', row[3:]))
  }
  return tf.train.Example(
      features=tf.train.Features(feature=features)
  ).SerializeToString()


class ModesTest(ExportTest):

  @parameterized.parameters(
      [[TRAIN]], [[EVAL]], [[PREDICT]], [[TRAIN, EVAL, PREDICT]],
      [[EVAL, PREDICT]],
  )  # pyformat: disable
  def test_signatures_of_all_modes_equal_those_of_the_reference(self, modes):
    ours = exports.meta_graphs(
        exports.model().experimental_export_all_saved_models(
            testing.temporary_folder(self), dict.fromkeys(modes, _raw)
        )
    )
    self.assertCountEqual(ours, [frozenset([TAGS[mode]]) for mode in modes])
    self.assert_same_signatures(ours, _reference_modes(*modes))

  @parameterized.parameters(TRAIN, EVAL, PREDICT)
  def test_experimental_mode_exports_one_mode(self, mode):
    ours = exports.meta_graphs(
        exports.model().export_saved_model(
            testing.temporary_folder(self), _raw, experimental_mode=mode
        )
    )
    self.assertCountEqual(ours, [frozenset([TAGS[mode]])])
    self.assert_same_signatures(ours, _reference_modes(mode))

  def test_no_export_holds_an_op_of_this_package(self):
    # With all initialisations, because TRAIN graphs contain their ops.
    for init in ('random', 'kmeans_plus_plus', 'kmc2'):
      for use_mini_batch in (True, False):
        kmeans = exports.model(
            initial_clusters=init, use_mini_batch=use_mini_batch
        )
        graphs = exports.meta_graphs(
            kmeans.experimental_export_all_saved_models(
                testing.temporary_folder(self),
                {TRAIN: _supervised, EVAL: _supervised, PREDICT: _raw},
            )
        )
        self.assertLen(graphs, 3)
        for graph in graphs.values():
          nodes = list(graph.graph_def.node)
          for function in graph.graph_def.library.function:
            nodes.extend(function.node_def)
          self.assertEmpty(
              [node.op for node in nodes if node.op.startswith('Kmeans')]
          )

  def test_training_after_an_export_uses_native_ops(self):
    if not native.is_available():
      self.skipTest('The native ops are not built.')
    kmeans = exports.model()
    kmeans.export_saved_model(testing.temporary_folder(self), _raw)
    with tf.Graph().as_default() as graph:
      tf.compat.v1.train.create_global_step()
      kmeans.model_fn(tf.zeros([9, exports.D]), None, TRAIN, kmeans.config)
    self.assertIn(
        'KmeansEstimator>Allocate', {op.type for op in graph.get_operations()}
    )

  @parameterized.parameters(*exports.METRICS)
  def test_exported_modes_predict_evaluate_and_train(self, metric):
    kmeans = exports.model(metric)
    path = kmeans.experimental_export_all_saved_models(
        testing.temporary_folder(self),
        {TRAIN: _supervised, EVAL: _supervised, PREDICT: _raw},
    )
    batch = exports.points(50)
    centers = kmeans.cluster_centers()
    distances = exports.expected(metric, np.float32, batch)
    loss = distances.min(axis=1).sum()

    with _Session(path, PREDICT) as serving:
      answer = serving.run('cluster_index', 'output', points=batch)
      np.testing.assert_array_equal(answer, distances.argmin(axis=1))

    with _Session(path, EVAL) as evaluation:
      for part in batch[:20], batch[20:]:
        evaluation.run('eval', 'metrics/score/update_op', points=part)
      np.testing.assert_allclose(
          evaluation.run('eval', 'metrics/score/value', points=batch),
          loss / 2,
          1e-4,
      )

    with _Session(path, TRAIN) as training:
      np.testing.assert_allclose(
          training.run('train', 'loss', points=batch), loss, 1e-4
      )
      training.run_train_op('train', points=batch)
      after = training.variables()
    self.assertEqual(
        after['global_step'], kmeans.get_variable_value('global_step') + 1
    )
    before = testing.state_of(
        testing.checkpoint_values(kmeans.model_dir), metric, 1
    )
    expected, _ = numpy_model.step(before, batch)
    testing.assert_state(after, expected)
    self.assertGreater(abs(after['clusters'] - centers).max(), 0.01)


class _Session:
  """A session with one graph of a SavedModel, loaded as in TensorFlow 1."""

  def __init__(self, path, mode):
    self._session = tf.compat.v1.Session(graph=tf.Graph())
    with self._session.graph.as_default():
      self._meta_graph = tf.compat.v1.saved_model.load(
          self._session, [TAGS[mode]], path
      )

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    self._session.close()

  def run(self, key, output, **inputs):
    signature = self._meta_graph.signature_def[key]
    return self._session.run(
        signature.outputs[output].name, self._fed(signature, inputs)
    )

  def run_train_op(self, key, **inputs):
    collection = self._meta_graph.collection_def['saved_model_train_op']
    (name,) = collection.node_list.value
    self._session.run(
        self._session.graph.as_graph_element(name),
        self._fed(self._meta_graph.signature_def[key], inputs),
    )

  def variables(self):
    with self._session.graph.as_default():
      return self._session.run(
          {v.op.name: v for v in tf.compat.v1.global_variables()}
      )

  def _fed(self, signature, inputs):
    return {signature.inputs[k].name: value for k, value in inputs.items()}


class PredictionGraphTest(parameterized.TestCase):

  @parameterized.parameters(
      ('squared_euclidean', None), ('squared_euclidean', 3), ('cosine', 1)
  )
  def test_graph_is_smaller_than_that_of_the_reference(self, metric, m):
    centers = np.eye(exports.K, exports.D, dtype=np.float32) + 1
    model_dir = testing.temporary_folder(self)

    def model(kmeans_class):
      return kmeans_class(
          exports.K,
          model_dir,
          initial_clusters=centers,
          distance_metric=metric,
          use_mini_batch=m is not None,
          mini_batch_steps_per_iteration=m or 1,
          config=testing.run_config(),
      )

    def nodes(kmeans_class):
      path = model(kmeans_class).export_saved_model(
          testing.temporary_folder(self), exports.receiver()
      )
      (graph,) = exports.meta_graphs(path).values()
      self.assertEqual(_function_nodes(graph) > 0, kmeans_class is reference)
      return len(graph.graph_def.node) + _function_nodes(graph)

    # Both implementations export the same checkpoint.
    model(kmeans_estimator.KMeans).train(testing.input_fn(centers, centers))
    reference = testing.ReferenceKMeans
    self.assertLess(nodes(kmeans_estimator.KMeans), 0.6 * nodes(reference))

  @parameterized.product(metric=exports.METRICS, dtype=exports.DTYPES)
  def test_graph_holds_only_inference_ops_with_kernels_on_every_device(
      self, metric, dtype
  ):
    (graph,) = exports.meta_graphs(exports.saved_model(metric, dtype)).values()
    inference = _reached_from_outputs(graph)
    rest = {n.op for n in graph.graph_def.node if n.name not in inference}
    self.assertEmpty(rest - _PLUMBING)
    self.assertNotIn('saved_model_train_op', graph.collection_def)
    self.assertNotIn('summaries', graph.collection_def)

    types = set(inference.values())
    self.assertEmpty({t for t in types if t.startswith(('Assign', 'Save'))})
    self.assertContainsSubset(['MatMul', 'ArgMin'], types)
    devices = ['CPU', 'GPU'] if tf.test.is_built_with_cuda() else ['CPU']
    for device in devices:
      self.assertEmpty(
          {t for t in types if not _has_kernel(t, device, dtype)}, device
      )
    if tf.test.is_built_with_cuda():
      # An op of the reference without a GPU kernel, which the check must find.
      self.assertFalse(_has_kernel('NearestNeighbors', 'GPU', dtype))

  @parameterized.product(metric=exports.METRICS, dtype=exports.DTYPES)
  def test_xla_compiles_the_signatures(self, metric, dtype):
    signatures = tf.saved_model.load(
        exports.saved_model(metric, dtype)
    ).signatures
    batch = tf.constant(exports.points(7, dtype))

    def answers(points):
      return [
          signatures[key](points=points)['output'] for key in exports.SIGNATURES
      ]

    compiled = tf.function(answers, jit_compile=True)
    for actual, expected in zip(compiled(batch), answers(batch)):
      np.testing.assert_allclose(actual, expected, 1e-4, 1e-4)


def _function_nodes(graph):
  return sum(len(f.node_def) for f in graph.graph_def.library.function)


def _reached_from_outputs(graph):
  """Returns names and types of nodes that the signatures' outputs depend on."""
  nodes = {node.name: node for node in graph.graph_def.node}
  todo = [
      output.name.partition(':')[0]
      for signature in graph.signature_def.values()
      for output in signature.outputs.values()
  ]
  found = {}
  while todo:
    node = nodes[todo.pop()]
    if node.name not in found:
      found[node.name] = node.op
      todo += [name.lstrip('^').partition(':')[0] for name in node.input]
  return found


def _has_kernel(op, device, dtype):
  def takes_dtype(kernel):
    return all(
        tf.as_dtype(dtype).as_datatype_enum in c.allowed_values.list.type
        for c in kernel.constraint
        if c.name == 'T'
    )

  return any(
      kernel.device_type in (device, 'DEFAULT') and takes_dtype(kernel)
      for kernel in kernels.get_registered_kernels_for_op(op).kernel
  )


class BadInputTest(parameterized.TestCase):

  @parameterized.product(metric=exports.METRICS, columns=(exports.D, None))
  def test_wrong_number_of_columns_is_refused_with_both_numbers(
      self, metric, columns
  ):
    path = exports.model(metric).export_saved_model(
        testing.temporary_folder(self), exports.receiver(columns=columns)
    )
    signatures = tf.saved_model.load(path).signatures
    for key, given in itertools.product(exports.SIGNATURES, (1, 3, 5)):
      with self.assertRaisesRegex(
          tf.errors.InvalidArgumentError, rf'4\b.*\[2,{given}\]|{given}\].*,4\]'
      ):
        signatures[key](points=tf.zeros([2, given]))

  def test_receiver_without_a_number_of_columns_gives_the_same_answers(self):
    path = exports.model().export_saved_model(
        testing.temporary_folder(self), exports.receiver(columns=None)
    )
    signatures = tf.saved_model.load(path).signatures
    self.assertEqual(
        signatures['all_distances'].structured_outputs['output'].shape.as_list(),
        [None, exports.K],
    )
    exports.assert_answers(
        lambda key, batch: signatures[key](points=tf.constant(batch))[
            'output'
        ].numpy(),
        exports.METRICS[0],
        np.float32,
    )

  def test_receiver_with_the_wrong_number_of_columns_is_refused(self):
    with self.assertRaisesRegex(ValueError, '7 columns.*trained on 4'):
      exports.model().export_saved_model(
          testing.temporary_folder(self), exports.receiver(columns=7)
      )

  @parameterized.parameters(TRAIN, EVAL, PREDICT)
  def test_untrained_model_is_not_exported(self, mode):
    kmeans = kmeans_estimator.KMeans(
        3, testing.temporary_folder(self), config=testing.run_config()
    )
    folder = os.path.join(testing.temporary_folder(self), 'export')
    with self.assertRaisesRegex(ValueError, 'trained'):
      kmeans.export_saved_model(folder, _raw, experimental_mode=mode)
    self.assertFalse(os.path.exists(folder) and os.listdir(folder))


if __name__ == '__main__':
  tf.test.main()
